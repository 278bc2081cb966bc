//! The vendor's error codes, with the numbers and HTTP statuses that go with them.

use http::StatusCode;

use super::settings::{Settings, ThrottleAnswer};

/// Codes of the vendor's gateway with `CodeN` and HTTP status (documents 6369/68677, 6720/108305,
/// 6408/78947, 4/65595; the numbers of the last seven are not in any document).
const GATEWAY: [(&str, u32, StatusCode); 21] = [
    ("MissingParameter", 100_002, StatusCode::BAD_REQUEST),
    ("MissingAuthenticationToken", 100_003, StatusCode::UNAUTHORIZED),
    ("MissingRequestInfo", 100_004, StatusCode::BAD_REQUEST),
    ("MissingSignature", 100_005, StatusCode::UNAUTHORIZED),
    ("InvalidTimestamp", 100_006, StatusCode::BAD_REQUEST),
    ("ServiceNotFound", 100_007, StatusCode::NOT_FOUND),
    ("InvalidActionOrVersion", 100_008, StatusCode::NOT_FOUND),
    ("InvalidAccessKey", 100_009, StatusCode::UNAUTHORIZED),
    ("SignatureDoesNotMatch", 100_010, StatusCode::UNAUTHORIZED),
    ("LackPolicy", 100_012, StatusCode::FORBIDDEN),
    ("AccessDenied", 100_013, StatusCode::FORBIDDEN),
    ("InternalError", 100_014, StatusCode::INTERNAL_SERVER_ERROR),
    ("FailToConnect", 100_015, StatusCode::BAD_GATEWAY),
    ("InternalServiceTimeout", 100_016, StatusCode::GATEWAY_TIMEOUT),
    ("FlowLimitExceeded", 100_018, StatusCode::TOO_MANY_REQUESTS),
    ("ServiceUnavailableTemp", 100_019, StatusCode::SERVICE_UNAVAILABLE),
    ("MethodNotAllowed", 100_020, StatusCode::METHOD_NOT_ALLOWED),
    ("InvalidAuthorization", 100_024, StatusCode::BAD_REQUEST),
    ("InvalidCredential", 100_025, StatusCode::BAD_REQUEST),
    ("InvalidSecretToken", 100_026, StatusCode::UNAUTHORIZED),
    ("AccountFlowLimitExceeded", 100_027, StatusCode::TOO_MANY_REQUESTS),
];

/// Why a call is refused, in the vendor's words.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    /// A code of the vendor's gateway, or one of the layer behind it.
    pub(super) code: &'static str,
    /// A sentence for people.
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    /// The refusal of a call beyond the limit.
    pub(super) fn throttled(settings: &Settings) -> Self {
        let code = match settings.throttle_answer {
            ThrottleAnswer::Rtc => "FlowLimitExceeded.QPSOverLimit",
            ThrottleAnswer::Gateway => "FlowLimitExceeded",
            ThrottleAnswer::Account => "AccountFlowLimitExceeded",
        };
        Self::new(code, "too many requests")
    }

    /// The HTTP status this refusal is sent with.
    pub(super) fn status(&self, settings: &Settings) -> StatusCode {
        match documented(self.code) {
            Some(_) if self.code == "InvalidTimestamp" => settings.timestamp_status,
            Some((_, status)) => status,
            None => settings.rejection(),
        }
    }
}

/// `CodeN` and HTTP status of a code of the vendor's gateway; `None` for any other code.
pub(super) fn documented(code: &str) -> Option<(u32, StatusCode)> {
    let row = GATEWAY.iter().find(|(known, ..)| *known == code)?;
    Some((row.1, row.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_errors_behind_the_gateway_follows_the_version() {
        let refusal = Refusal::new("InvalidParameter", "no");
        let newer = Settings { version: "2023-11-01".to_owned(), ..Settings::default() };
        assert_eq!(refusal.status(&Settings::default()), StatusCode::OK);
        assert_eq!(refusal.status(&newer), StatusCode::BAD_REQUEST);
    }
}
