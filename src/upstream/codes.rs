//! The vendor's documented error codes. Only these ever leave the gateway: whatever else the vendor writes into an
//! error is its text, and stays here.
//!
//! Sources: the vendor's pages 6369/68677, 6720/108305, 4/65595, 6408/78947 (gateway) and 6348/70426 (RTC).

use super::fault::Kind;

/// A documented code. Codes are hierarchical; an unknown leaf counts as its documented stem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    name: &'static str,
    kind: Kind,
}

const fn code(name: &'static str, kind: Kind) -> Code {
    Code { name, kind }
}

/// Leaves before their stems, so that the first match is the longest.
const DOCUMENTED: &[Code] = &[
    code("MissingParameter", Kind::Refused),
    code("MissingRequestInfo", Kind::Refused),
    code("MissingAuthenticationToken", Kind::Credentials),
    code("MissingSignature", Kind::Credentials),
    code("InvalidTimestamp", Kind::Clock),
    code("ServiceNotFound", Kind::Refused),
    code("InvalidActionOrVersion", Kind::Refused),
    code("InvalidAccessKey", Kind::Credentials),
    code("SignatureDoesNotMatch", Kind::Credentials),
    code("InvalidAuthorization", Kind::Credentials),
    code("InvalidCredential", Kind::Credentials),
    code("InvalidSecretToken", Kind::Credentials),
    code("LackPolicy", Kind::Denied),
    code("AccessDenied.NoPermissionForApp", Kind::Denied),
    code("AccessDenied.ServiceNotEnabled", Kind::Denied),
    code("AccessDenied", Kind::Denied),
    code("InternalServiceTimeout", Kind::Failing),
    code("InternalError", Kind::Failing),
    code("FailToConnect", Kind::Failing),
    code("ServiceUnavailableTemp", Kind::Failing),
    code("MethodNotAllowed", Kind::Refused),
    code("FlowLimitExceeded.QPSOverLimit", Kind::Throttled),
    code("FlowLimitExceeded", Kind::Throttled),
    code("AccountFlowLimitExceeded", Kind::Throttled),
    code("InvalidParameter.BodyIsEmpty", Kind::Refused),
    code("InvalidParameter.Unmarshal", Kind::Refused),
    code("InvalidParameter.IllegalAppId", Kind::Refused),
    code("InvalidParameter.NotExistAppId", Kind::Refused),
    code("InvalidParameter.StartTimeAfterEndTime", Kind::Refused),
    code("InvalidParameter.OutofTimeRange", Kind::Refused),
    code("InvalidParameter", Kind::Refused),
];

impl Code {
    /// The documented code that this text is or descends from.
    pub(super) fn recognise(text: &str) -> Option<Self> {
        let descends =
            |code: &&Self| text.strip_prefix(code.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        DOCUMENTED.iter().find(descends).copied()
    }

    /// As documented.
    pub fn as_str(self) -> &'static str {
        self.name
    }

    /// Whether it judges what is asked for, which the vendor does only of a request whose signature it has accepted.
    pub(super) fn is_of_the_question(self) -> bool {
        self.name.starts_with("InvalidParameter")
    }

    pub(super) fn kind(self) -> Kind {
        self.kind
    }
}

/// An undocumented code may still say that it is a throttle: which one RTC sends is not documented.
pub(super) fn sounds_like_throttling(text: &str) -> bool {
    text.split('.').next().is_some_and(|stem| stem.ends_with("FlowLimitExceeded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_itself_an_unknown_leaf_is_its_stem_and_a_lookalike_is_nothing() {
        let name = |text| Code::recognise(text).map(Code::as_str);
        assert_eq!(name("FlowLimitExceeded.QPSOverLimit"), Some("FlowLimitExceeded.QPSOverLimit"));
        assert_eq!(name("InternalError.Whatever"), Some("InternalError"));
        assert_eq!(name("InvalidParameterX"), None);
        assert_eq!(name("<script>"), None);
    }

    #[test]
    fn no_stem_hides_its_leaves() {
        for code in DOCUMENTED {
            assert_eq!(Code::recognise(code.name), Some(*code), "{}", code.name);
        }
    }
}
