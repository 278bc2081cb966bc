//! What went wrong at the vendor or on the way there: theirs, as against a refusal, which is ours. One table says of
//! each kind whether asking again may help and whose doing it is.

use std::time::Duration;

use super::codes::{Code, sounds_like_throttling};
use super::pause::LONGEST_PAUSE;
use crate::model::Blame;

/// A call that brought no answer. Carries nothing of the vendor's text but documented codes and its request id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.kind.describe())]
pub struct Fault {
    /// What happened.
    pub kind: Kind,
    /// The documented code, where the vendor gave one.
    pub code: Option<Code>,
    /// The vendor's id of the call: 1 to 64 letters, digits, `-` or `_`, a letter or digit among them.
    pub request_id: Option<String>,
    /// How long the vendor asks not to be asked again, as `super::pause` bounds it.
    pub retry_after: Option<Duration>,
}

/// The ways a call can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The vendor says that the account was too fast.
    Throttled,
    /// An internal error of the vendor, or a 5xx.
    Failing,
    /// No connection could be opened; nothing was sent.
    Unreachable,
    /// The connection broke before the whole answer was here.
    Broken,
    /// No whole answer within `upstream.timeout`.
    TimedOut,
    /// An answer that is not the documented form.
    Malformed,
    /// An answer beyond the size that is read.
    TooLarge,
    /// The vendor finds our clock wrong; the skew is learnt from its `Date`.
    Clock,
    /// The vendor does not accept the master key or our signature.
    Credentials,
    /// The master key may not read this app.
    Denied,
    /// The vendor refuses the request as such.
    Refused,
    /// This process stood still during the call, and knows nothing of the vendor.
    Paused,
}

/// What a fault says of the vendor as a whole, whatever was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// It is sick, or out of reach: another question would fare no better.
    Sick,
    /// It is well: it read the question and had something against that one.
    Well,
    /// Nothing.
    Nothing,
}

impl Fault {
    /// The fault in one line, for another replica: kind, code and request id, `-` for what is not known, and the
    /// milliseconds that the vendor asks for.
    pub fn line(&self) -> String {
        let code = self.code.map_or("-", Code::as_str);
        let pause = self.retry_after.map_or(0, |pause| pause.as_millis());
        format!("{} {code} {} {pause}", self.kind.label(), self.request_id.as_deref().unwrap_or("-"))
    }

    /// The fault of such a line; `None` where it is not understood.
    pub fn of_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let kind = Kind::of_label(words.next()?)?;
        let (code, request_id) = (words.next()?, words.next()?);
        // A replica of the version before does not say.
        let pause = words.next().and_then(|word| word.parse().ok()).map(Duration::from_millis);
        Some(Self {
            kind,
            code: Code::recognise(code),
            request_id: sane_id(request_id).filter(|id| id != "-"),
            retry_after: pause.filter(|pause| !pause.is_zero()).map(|pause| pause.min(LONGEST_PAUSE)),
        })
    }

    /// How long the question rests after it: longer where the vendor itself asks for more.
    pub fn rest(&self) -> Duration {
        self.kind.rest().max(self.retry_after.unwrap_or_default())
    }

    /// What it says of the vendor as a whole. Only who has read a question refuses it with a documented code.
    pub(super) fn tells(&self) -> Tells {
        match self.kind {
            Kind::Failing
            | Kind::Unreachable
            | Kind::Broken
            | Kind::TimedOut
            | Kind::Malformed
            | Kind::TooLarge
            | Kind::Credentials => Tells::Sick,
            Kind::Denied | Kind::Refused if self.code.is_some() => Tells::Well,
            // Throttling is the budget's to mend, a wrong clock and a standstill are ours.
            Kind::Denied | Kind::Refused | Kind::Throttled | Kind::Clock | Kind::Paused => Tells::Nothing,
        }
    }

    /// A fault without any word of the vendor's.
    pub(super) fn of(kind: Kind) -> Self {
        Self { kind, code: None, request_id: None, retry_after: None }
    }

    /// The fault of a documented code, for the tests of what is shown of it.
    #[cfg(test)]
    pub(crate) fn documented(code: &str) -> Self {
        Self::classify(200, Some(code), None)
    }

    /// Reads the vendor's verdict from its error code and the status it came with. Throttling is known by either:
    /// the vendor's documents and third-party logs show it at 200, 400 and 429.
    pub(super) fn classify(status: u16, code: Option<&str>, request_id: Option<&str>) -> Self {
        let documented = code.and_then(Code::recognise);
        let kind = match (documented, status) {
            (_, 429) => Kind::Throttled,
            _ if code.is_some_and(sounds_like_throttling) => Kind::Throttled,
            (Some(code), _) => code.kind(),
            (None, 500..=599) => Kind::Failing,
            (None, 401) => Kind::Credentials,
            (None, 403) => Kind::Denied,
            (None, 400..=499) => Kind::Refused,
            (None, _) => Kind::Malformed,
        };
        Self { kind, code: documented, request_id: request_id.and_then(sane_id), retry_after: None }
    }
}

/// The vendor's id of a call, if it is 1 to 64 letters, digits, `-` or `_`, and not these two alone: a `-` means none.
pub(super) fn sane_id(id: &str) -> Option<String> {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    let says_something = id.bytes().any(|b| b.is_ascii_alphanumeric());
    (plain && says_something && id.len() <= 64).then(|| id.to_owned())
}

/// What is known of a kind.
struct Treatment {
    /// The word for logs and metrics.
    label: &'static str,
    /// Whose doing it is.
    blame: Blame,
    may_pass: bool,
    /// One sentence or two for the caller.
    describe: &'static str,
}

const fn treatment(label: &'static str, blame: Blame, may_pass: bool, describe: &'static str) -> Treatment {
    Treatment { label, blame, may_pass, describe }
}

impl Kind {
    const fn treatment(self) -> Treatment {
        use Blame::{Gateway, Upstream};
        match self {
            Self::Throttled => treatment(
                "throttled",
                Upstream,
                true,
                "The upstream says that the account exceeded its rate. Somebody else may be using it; ask again later.",
            ),
            Self::Failing => treatment("failing", Upstream, true, "The upstream failed. Ask again later."),
            Self::Unreachable => {
                treatment("unreachable", Upstream, true, "The upstream could not be reached. Ask again later.")
            }
            Self::Broken => treatment(
                "broken",
                Upstream,
                true,
                "The connection to the upstream broke before its answer was complete. Ask again later.",
            ),
            // A call that timed out has used up the time that all tries may take.
            Self::TimedOut => {
                treatment("timed_out", Upstream, false, "The upstream did not answer in time. Ask again later.")
            }
            Self::Malformed => treatment(
                "malformed",
                Upstream,
                false,
                "The upstream answered something that is not a distribution. Ask again later, or tell the platform team.",
            ),
            Self::TooLarge => treatment(
                "too_large",
                Upstream,
                false,
                "The upstream's answer was larger than any distribution. Tell the platform team.",
            ),
            Self::Clock => treatment(
                "clock",
                Gateway,
                true,
                "The upstream finds the gateway's clock wrong. Tell the platform team.",
            ),
            Self::Credentials => treatment(
                "credentials",
                Gateway,
                false,
                "The upstream does not accept the gateway's credentials. Tell the platform team.",
            ),
            Self::Denied => treatment(
                "denied",
                Gateway,
                false,
                "The gateway's credentials may not read this app at the upstream. Tell the platform team.",
            ),
            Self::Refused => treatment(
                "refused",
                Gateway,
                false,
                "The upstream refused the question. Tell the platform team; the code says why.",
            ),
            Self::Paused => treatment(
                "paused",
                Gateway,
                true,
                "The gateway's process stood still while the question was asked, so the call was given up. Ask again.",
            ),
        }
    }

    const ALL: [Self; 12] = [
        Self::Throttled,
        Self::Failing,
        Self::Unreachable,
        Self::Broken,
        Self::TimedOut,
        Self::Malformed,
        Self::TooLarge,
        Self::Clock,
        Self::Credentials,
        Self::Denied,
        Self::Refused,
        Self::Paused,
    ];

    fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// Whether the same call may succeed a moment later. A wrong clock may, where its skew has just been learnt.
    pub fn may_pass(self) -> bool {
        self.treatment().may_pass
    }

    /// Whether it befell this process or its way to the vendor, who has seen nothing of the call or cannot be blamed for its end.
    pub fn is_of_the_way(self) -> bool {
        matches!(self, Self::Unreachable | Self::Paused)
    }

    /// How long a question rests after it: what only a person can mend here need not be tried each second.
    pub fn rest(self) -> Duration {
        let Treatment { blame, may_pass, .. } = self.treatment();
        Duration::from_secs(if blame == Blame::Gateway && !may_pass { 3 } else { 1 })
    }

    /// Whose doing it is.
    pub fn blame(self) -> Blame {
        self.treatment().blame
    }

    /// The word for logs and metrics.
    pub fn label(self) -> &'static str {
        self.treatment().label
    }

    /// What the caller is told: what happened and who can mend it.
    pub fn describe(self) -> &'static str {
        self.treatment().describe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_known_by_its_code_or_by_its_status() {
        for (status, code) in [
            (429, None),
            (429, Some("InvalidParameter")),
            (200, Some("FlowLimitExceeded.QPSOverLimit")),
            (400, Some("AccountFlowLimitExceeded")),
            (200, Some("SomethingFlowLimitExceeded.New")),
        ] {
            assert_eq!(Fault::classify(status, code, None).kind, Kind::Throttled, "{status} {code:?}");
        }
    }

    #[test]
    fn a_documented_code_outweighs_the_status() {
        for (status, code, kind) in [
            (200, "InternalError", Kind::Failing),
            (403, "InvalidTimestamp", Kind::Clock),
            (400, "InvalidTimestamp", Kind::Clock),
            (500, "SignatureDoesNotMatch", Kind::Credentials),
            (200, "AccessDenied.NoPermissionForApp", Kind::Denied),
            (404, "InvalidActionOrVersion", Kind::Refused),
            (503, "Unheard.Of", Kind::Failing),
            (200, "Unheard.Of", Kind::Malformed),
            (418, "Unheard.Of", Kind::Refused),
        ] {
            assert_eq!(Fault::classify(status, Some(code), None).kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn a_fault_is_the_same_at_another_replica() {
        for kind in Kind::ALL {
            assert_eq!(Fault::of_line(&Fault::of(kind).line()), Some(Fault::of(kind)));
        }
        let fault = Fault::classify(400, Some("InvalidParameter.IllegalAppId"), Some("2026-abc_DEF"));
        assert_eq!(Fault::of_line(&fault.line()), Some(fault));
        let asks = Fault { retry_after: Some(Duration::from_millis(2500)), ..Fault::of(Kind::Throttled) };
        assert_eq!(Fault::of_line(&asks.line()), Some(asks));
        assert_eq!(Fault::of_line("failing - -"), Some(Fault::of(Kind::Failing)), "of the version before");
        let long = Fault::of_line("failing - - 86400000").unwrap();
        assert_eq!(long.rest(), LONGEST_PAUSE, "whoever wrote it");
        assert_eq!(Fault::of_line("nonsense - -"), None);
        assert_eq!(Fault::of_line("failing"), None);
    }

    #[test]
    fn what_another_question_would_meet_too_is_told_from_what_it_would_not() {
        use Tells::{Nothing, Sick, Well};
        let told = |status, code| Fault::classify(status, code, None).tells();
        assert_eq!(told(503, None), Sick);
        assert_eq!(told(200, None), Sick);
        assert_eq!(told(401, Some("SignatureDoesNotMatch")), Sick, "one key signs all");
        assert_eq!(told(403, Some("AccessDenied.NoPermissionForApp")), Well, "another app may be read");
        assert_eq!(told(400, Some("InvalidParameter.NotExistAppId")), Well);
        assert_eq!(told(404, None), Nothing, "it may be anybody who says so");
        assert_eq!(told(429, None), Nothing, "it lives, and has no answer");
        for (kind, tells) in [(Kind::TimedOut, Sick), (Kind::Unreachable, Sick), (Kind::Paused, Nothing)] {
            assert_eq!(Fault::of(kind).tells(), tells);
        }
    }

    #[test]
    fn a_standstill_is_ours_and_worth_another_try() {
        assert_eq!((Kind::Paused.blame(), Kind::Paused.may_pass()), (Blame::Gateway, true));
        assert_eq!(Fault::of(Kind::Paused).rest(), Duration::from_secs(1));
    }

    #[test]
    fn only_documented_codes_and_plain_ids_survive() {
        let fault = Fault::classify(400, Some("Secret.Leak"), Some("id with spaces <b>"));
        assert_eq!((fault.code, fault.request_id), (None, None));
        assert_eq!(Fault::classify(400, None, Some("-")).request_id, None, "it would get lost on the way to a replica");
        let fault = Fault::classify(400, Some("InvalidParameter.IllegalAppId"), Some("2026-abc_DEF"));
        assert_eq!(fault.code.map(Code::as_str), Some("InvalidParameter.IllegalAppId"));
        assert_eq!(fault.request_id.as_deref(), Some("2026-abc_DEF"));
    }
}
