//! The catalogue of problems: every code that can leave the gateway, with its status and the page that explains it.

use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, StatusCode};

/// The codes of the contract. `type` is `/problems/<code>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is explained in its entry")]
pub enum Code {
    MalformedRequest,
    InvalidParameter,
    Unauthorized,
    InsufficientScope,
    AppNotFound,
    NotFound,
    MethodNotAllowed,
    TargetTooLong,
    WindowTooLong,
    OutsideHorizon,
    WindowInFuture,
    RateLimited,
    HeadTooLarge,
    InternalError,
    UpstreamError,
    BudgetExhausted,
    BudgetUnavailable,
    AuditUnavailable,
    KeysUnavailable,
    Overloaded,
    Draining,
    UpstreamTimeout,
    NotCached,
}

/// What is said of a code wherever it is met.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The last part of `type`.
    pub slug: &'static str,
    /// The status it comes with.
    pub status: StatusCode,
    /// The same words every time.
    pub title: &'static str,
    /// What happened.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// A member of a problem's body beyond those that RFC 9457 gives to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// A value that it could have.
    pub example: &'static str,
}

const PARAMETER: Member =
    Member { name: "parameter", meaning: "The parameter or header that is not understood.", example: "from" };
const LIMIT: Member = Member { name: "limit", meaning: "The longest window.", example: "7d" };
const EARLIEST: Member = Member {
    name: "earliest",
    meaning: "The earliest time at which a window may begin.",
    example: "2026-10-24T00:00:00+08:00",
};
const LATEST: Member = Member {
    name: "latest",
    meaning: "The latest time at which a window may begin.",
    example: "2026-11-23T00:00:00+08:00",
};
const UPSTREAM_CODE: Member = Member {
    name: "upstream_code",
    meaning: "The upstream's own word for the failure, where it is a documented one.",
    example: "InvalidParameter.NotExistAppId",
};
const UPSTREAM_REQUEST_ID: Member = Member {
    name: "upstream_request_id",
    meaning: "The upstream's id of the call, where it gave one.",
    example: "20261109100000010015035070",
};

/// All such members.
pub const MEMBERS: [Member; 6] = [PARAMETER, LIMIT, EARLIEST, LATEST, UPSTREAM_CODE, UPSTREAM_REQUEST_ID];

/// Every code, in the order of the statuses.
pub const CATALOGUE: [Code; 23] = [
    Code::MalformedRequest,
    Code::InvalidParameter,
    Code::Unauthorized,
    Code::InsufficientScope,
    Code::AppNotFound,
    Code::NotFound,
    Code::MethodNotAllowed,
    Code::TargetTooLong,
    Code::WindowTooLong,
    Code::OutsideHorizon,
    Code::WindowInFuture,
    Code::RateLimited,
    Code::HeadTooLarge,
    Code::InternalError,
    Code::UpstreamError,
    Code::BudgetExhausted,
    Code::BudgetUnavailable,
    Code::AuditUnavailable,
    Code::KeysUnavailable,
    Code::Overloaded,
    Code::Draining,
    Code::UpstreamTimeout,
    Code::NotCached,
];

impl Code {
    /// The members that its body may have beyond those of all problems.
    pub fn members(self) -> &'static [Member] {
        match self {
            Self::InvalidParameter => &[PARAMETER],
            Self::WindowTooLong => &[LIMIT],
            Self::OutsideHorizon => &[EARLIEST],
            Self::WindowInFuture => &[LATEST],
            Self::UpstreamError => &[UPSTREAM_CODE, UPSTREAM_REQUEST_ID],
            Self::MalformedRequest
            | Self::Unauthorized
            | Self::InsufficientScope
            | Self::AppNotFound
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::TargetTooLong
            | Self::RateLimited
            | Self::HeadTooLarge
            | Self::InternalError
            | Self::BudgetExhausted
            | Self::BudgetUnavailable
            | Self::AuditUnavailable
            | Self::KeysUnavailable
            | Self::Overloaded
            | Self::Draining
            | Self::UpstreamTimeout
            | Self::NotCached => &[],
        }
    }

    /// The header that it comes with beyond those of all problems.
    pub fn header(self) -> Option<HeaderName> {
        match self {
            Self::Unauthorized | Self::InsufficientScope => Some(WWW_AUTHENTICATE),
            Self::MethodNotAllowed => Some(ALLOW),
            Self::RateLimited
            | Self::UpstreamError
            | Self::BudgetExhausted
            | Self::BudgetUnavailable
            | Self::AuditUnavailable
            | Self::KeysUnavailable
            | Self::Overloaded
            | Self::Draining
            | Self::UpstreamTimeout => Some(RETRY_AFTER),
            Self::MalformedRequest
            | Self::InvalidParameter
            | Self::AppNotFound
            | Self::NotFound
            | Self::HeadTooLarge
            | Self::TargetTooLong
            | Self::WindowTooLong
            | Self::OutsideHorizon
            | Self::WindowInFuture
            | Self::InternalError
            | Self::NotCached => None,
        }
    }

    /// What is said of it.
    #[expect(clippy::too_many_lines, reason = "one table, read as a table")]
    pub const fn entry(self) -> Entry {
        match self {
            Self::MalformedRequest => Entry {
                slug: "malformed-request",
                status: StatusCode::BAD_REQUEST,
                title: "The request breaks a rule of HTTP",
                meaning: "The head cannot be understood, or could be understood in two ways: `Host` is missing, repeated or not a host, the target names another host, there is a `Transfer-Encoding`, or a `GET` or `HEAD` announces a body. `detail` says which. The connection is closed, so that nothing of it is taken for another request.",
                remedy: "Use a common HTTP client, and have proxies in front pass on the head as it came. Where `detail` says that the port speaks TLS, write `https://`.",
            },
            Self::InvalidParameter => Entry {
                slug: "invalid-parameter",
                status: StatusCode::BAD_REQUEST,
                title: "A parameter is missing or cannot be understood",
                meaning: "A parameter is missing, repeated, unknown, empty, badly encoded, or not written as documented; or, with a token of several tenants, the app's name means more than one app; or `Sluice-Tenant` names a tenant that the token does not speak for. `parameter` names it. Nothing is ever guessed or clamped, so nothing was spent.",
                remedy: "Correct the parameter that is named and send the request again.",
            },
            Self::Unauthorized => Entry {
                slug: "unauthorized",
                status: StatusCode::UNAUTHORIZED,
                title: "A valid token is needed",
                meaning: "The request carries no token, or one that failed a check. Which check it was is in the gateway's log under the request id, and deliberately not here.",
                remedy: "Send `Authorization: Bearer <JWT>` with a current token of a configured issuer. If it should have been valid, give the request id to the platform team.",
            },
            Self::InsufficientScope => Entry {
                slug: "insufficient-scope",
                status: StatusCode::FORBIDDEN,
                title: "The token lacks a required scope",
                meaning: "The token is valid, but its issuer's configuration requires scopes that it does not carry.",
                remedy: "Ask the identity provider for a token with the scopes that `WWW-Authenticate` lists.",
            },
            Self::AppNotFound => Entry {
                slug: "app-not-found",
                status: StatusCode::NOT_FOUND,
                title: "No such app",
                meaning: "No app of this name or AppId is granted to the token's tenant. Whether it exists elsewhere is not said.",
                remedy: "`GET /apps` lists the apps of the token's tenant. If one is missing, ask the platform team to grant it.",
            },
            Self::NotFound => Entry {
                slug: "not-found",
                status: StatusCode::NOT_FOUND,
                title: "No such page",
                meaning: "There is nothing under this path.",
                remedy: "The gateway serves `/apps` and `/apps/{app}/distribution`; `/docs` shows how to ask.",
            },
            Self::MethodNotAllowed => Entry {
                slug: "method-not-allowed",
                status: StatusCode::METHOD_NOT_ALLOWED,
                title: "The method is not allowed here",
                meaning: "The path exists, but not for this method.",
                remedy: "Use one of the methods that `Allow` lists.",
            },
            Self::TargetTooLong => Entry {
                slug: "target-too-long",
                status: StatusCode::URI_TOO_LONG,
                title: "The request target is too long",
                meaning: "The path is longer than 2 KiB or the query longer than 4 KiB; no question is.",
                remedy: "Ask for one app and one window at a time.",
            },
            Self::WindowTooLong => Entry {
                slug: "window-too-long",
                status: StatusCode::UNPROCESSABLE_ENTITY,
                title: "The window is too long",
                meaning: "The upstream answers for at most `limit` at a time. Users are counted once per window, so the gateway cannot add windows up.",
                remedy: "Ask for a window of at most `limit`.",
            },
            Self::OutsideHorizon => Entry {
                slug: "outside-horizon",
                status: StatusCode::UNPROCESSABLE_ENTITY,
                title: "The window begins too long ago",
                meaning: "The upstream keeps its data for a limited time, and the gateway does not hold this answer.",
                remedy: "Ask for a window that begins at `earliest` or later.",
            },
            Self::WindowInFuture => Entry {
                slug: "window-in-future",
                status: StatusCode::UNPROCESSABLE_ENTITY,
                title: "The window begins in the future",
                meaning: "Nobody has been counted there yet.",
                remedy: "Ask for a window that begins at `latest` or earlier.",
            },
            Self::RateLimited => Entry {
                slug: "rate-limited",
                status: StatusCode::TOO_MANY_REQUESTS,
                title: "The tenant sends too many requests",
                meaning: "The tenant's own request rate is exceeded. This counts requests to the gateway, held answers included, and has nothing to do with the upstream's limit.",
                remedy: "Wait for `Retry-After` seconds. `RateLimit-Policy` tells the rate.",
            },
            Self::HeadTooLarge => Entry {
                slug: "head-too-large",
                status: StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                title: "The head of the request is too large",
                meaning: "A request may have 100 headers, of 32 KiB together.",
                remedy: "Leave out what the gateway has no use for; cookies are the usual reason.",
            },
            Self::InternalError => Entry {
                slug: "internal-error",
                status: StatusCode::INTERNAL_SERVER_ERROR,
                title: "The gateway failed",
                meaning: "Something went wrong inside the gateway. It is a defect, and it is in the log under the request id.",
                remedy: "Give the request id to the platform team.",
            },
            Self::UpstreamError => Entry {
                slug: "upstream-error",
                status: StatusCode::BAD_GATEWAY,
                title: "The upstream brought no answer",
                meaning: "The upstream failed, could not be reached, or answered something that is not a distribution; or it has done so to whatever was asked of late, and this question was not sent, as `detail` then says. `upstream_code` and `upstream_request_id` are its own words, where it gave them.",
                remedy: "Wait for `Retry-After` seconds and ask again; if it stays, give the request id to the platform team.",
            },
            Self::BudgetExhausted => Entry {
                slug: "budget-exhausted",
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "No turn at the upstream in time",
                meaning: "The upstream allows the whole company very few calls a second. The wait for a turn is longer than this request was willing to wait, so it was told at once; or the tenant has as many questions waiting as it may.",
                remedy: "Come back after `Retry-After` seconds, or send `Prefer: wait=N` with more patience.",
            },
            Self::BudgetUnavailable => Entry {
                slug: "budget-unavailable",
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "What the replicas share is out of reach",
                meaning: "The gateway runs as several replicas, which keep count of the upstream's limit in a shared store. It cannot be reached, and nothing is asked upstream without it. Held answers are served as ever, and stale ones where that is allowed; nothing was spent.",
                remedy: "Come back after `Retry-After` seconds. Service returns by itself when the store does; the platform team finds the reason in `/readyz` and the log.",
            },
            Self::AuditUnavailable => Entry {
                slug: "audit-unavailable",
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "The call cannot be recorded",
                meaning: "The gateway records each call to the upstream before it is sent, and cannot write that record at the moment. Nothing is asked upstream without it. Held answers are served as ever, and stale ones where that is allowed; nothing was spent.",
                remedy: "Come back after `Retry-After` seconds. Service returns by itself when the record can be written; the platform team finds the reason in `/readyz` and the log.",
            },
            Self::KeysUnavailable => Entry {
                slug: "keys-unavailable",
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "The token cannot be verified at the moment",
                meaning: "The keys of the token's issuer could not be fetched from the identity provider since the gateway started, or for longer than they may be kept. Whether the token is valid is not known; nothing was spent.",
                remedy: "Come back after `Retry-After`; the gateway goes on trying. There is no need for another token. The platform team finds the reason in `/readyz` and the log.",
            },
            Self::Overloaded => Entry {
                slug: "overloaded",
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "The gateway is overloaded",
                meaning: "The gateway has as many requests under way as it is configured to take, or its process stood still while the question was asked.",
                remedy: "Wait for `Retry-After` seconds.",
            },
            Self::Draining => Entry {
                slug: "draining",
                status: StatusCode::SERVICE_UNAVAILABLE,
                title: "The gateway is stopping",
                meaning: "This process takes no new questions that would need the upstream. Another one is or soon will be there.",
                remedy: "Send the request again after `Retry-After` seconds.",
            },
            Self::UpstreamTimeout => Entry {
                slug: "upstream-timeout",
                status: StatusCode::GATEWAY_TIMEOUT,
                title: "The upstream did not answer in time",
                meaning: "The question was sent, and no complete answer came within the configured time; or that is how the calls before ended, and this question was not sent, as `detail` then says.",
                remedy: "Wait for `Retry-After` seconds and ask again.",
            },
            Self::NotCached => Entry {
                slug: "not-cached",
                status: StatusCode::GATEWAY_TIMEOUT,
                title: "No fresh answer is held",
                meaning: "The request said `Cache-Control: only-if-cached`, and no fresh answer is held.",
                remedy: "Leave `only-if-cached` out to have the question asked.",
            },
        }
    }
}
