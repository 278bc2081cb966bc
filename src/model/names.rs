//! Names of things: tenants, apps, and the two words a question is made of besides its times.

use std::fmt;
use std::sync::Arc;

/// A tenant: the team on whose behalf a caller asks. As written in the configuration and in the token's claim.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

/// An app at the vendor: 1 to 64 letters, digits, `-` or `_` (the vendor issues 24 hexadecimal digits).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppId(Arc<str>);

/// Whether a tenant or an app may be called this: 1 to 64 letters, digits, `-`, `_`, `.` or `~`. Names stand in paths,
/// headers and metric labels, so they keep to what needs no escaping anywhere.
pub fn is_word(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && !matches!(text, "." | "..")
}

/// By what the users are broken down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// First-level administrative regions of China.
    Province,
    /// Countries.
    Country,
}

/// What is counted. The vendor offers one indicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Indicator {
    /// Distinct users over the window. Not additive: windows cannot be summed.
    UserNum,
}

/// Whose doing a failure is: alerts fire on the gateway's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The request.
    Caller,
    /// The gateway, its configuration or its budget.
    Gateway,
    /// The vendor or the way to it.
    Upstream,
}

impl TenantId {
    /// The tenant of this name.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AppId {
    /// The app of this id, or `None` where the text could not be one.
    pub fn parse(text: &str) -> Option<Self> {
        let well_formed =
            (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        well_formed.then(|| Self(Arc::from(text)))
    }

    /// The id as the vendor writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Dimension {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::Province, Self::Country];

    /// The word of the public interface, lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Province => "province",
            Self::Country => "country",
        }
    }
}

impl Blame {
    /// The word for logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

impl Indicator {
    /// The word of the public interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserNum => "user_num",
        }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
