//! The claims of a token whose signature holds: are they for us, for now, and of whom?
//!
//! Every claim is judged by its JSON type first. A claim of another type is refused rather than read generously:
//! what one reader stretches to fit, another may stretch differently.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::caller::{Caller, Tenants};
use super::config::IssuerConfig;
use super::profile::Profile;
use super::rejected::{Reason, Rejected};
use super::tenant_claim::TenantClaim;
use super::token::{Claims, Token};
use super::token_type::TokenType;
use crate::model::TenantId;

/// The longest `sub` or `jti`, in bytes. What is longer could not be revoked by name.
pub const LONGEST_NAME: usize = 1024;
/// The longest name of a tenant, in characters.
const MAX_TENANT: usize = 128;

/// What an issuer's tokens must say.
pub(super) struct Policy {
    audiences: Vec<String>,
    tenant_claim: TenantClaim,
    profile: Profile,
    required_scopes: Vec<String>,
    leeway: Duration,
    max_lifetime: Duration,
}

impl Policy {
    /// The part of the configuration that concerns claims.
    pub(super) fn of(config: IssuerConfig) -> Self {
        let IssuerConfig { audiences, tenant_claim, profile, required_scopes, leeway, max_lifetime, .. } = config;
        Self { audiences, tenant_claim, profile, required_scopes, leeway, max_lifetime }
    }

    /// Who sent this token.
    pub(super) fn judge(&self, token: &Token<'_>, issuer: &Arc<str>, now: Timestamp) -> Result<Caller, Reason> {
        if self.profile.token_type == TokenType::AccessToken && !token.header.is_access_token {
            return Err(Reason::NotAnAccessToken);
        }
        let claims = &token.claims;
        let (issued_at, expires_at) = self.times(claims, now)?;
        self.audience(claims)?;
        self.presence(claims)?;
        Ok(Caller {
            subject: subject(claims)?,
            token_id: token_id(claims)?,
            tenants: self.tenants(claims)?,
            scopes: self.scopes(claims)?.into(),
            issuer: Arc::clone(issuer),
            issued_at,
            expires_at,
        })
    }

    /// Whether the caller, who is known in all other respects, may do what this issuer's callers do here.
    pub(super) fn require_scopes(&self, caller: &Caller) -> Result<(), Rejected> {
        let has_all = self.required_scopes.iter().all(|scope| caller.scopes.contains(scope));
        let lacks = || Rejected::InsufficientScope { required: self.required_scopes.clone() };
        if has_all { Ok(()) } else { Err(lacks()) }
    }

    /// From when on the caller's token has expired; `None` at the end of the calendar.
    pub(super) fn dies_at(&self, caller: &Caller) -> Option<Timestamp> {
        caller.expires_at.checked_add(self.leeway).ok()
    }

    /// `iat` and `exp`, after all three times have been held against the clock.
    ///
    /// A token lives while `now < exp + leeway`; at that very instant it has expired (RFC 7519, 4.1.4). It has begun
    /// when `nbf <= now + leeway`, and likewise for `iat`.
    fn times(&self, claims: &Claims, now: Timestamp) -> Result<(Option<Timestamp>, Timestamp), Reason> {
        let expires_at = date(claims, "exp", Reason::ExpiryMalformed)?.ok_or(Reason::ExpiryMissing)?;
        let not_before = date(claims, "nbf", Reason::NotBeforeMalformed)?;
        let issued_at = date(claims, "iat", Reason::IssuedAtMalformed)?;
        // In nanoseconds, where neither sums nor differences of such values can overflow.
        let leeway = nanoseconds(self.leeway);
        let until = |moment: Timestamp| moment.as_nanosecond() - now.as_nanosecond();
        if until(expires_at) + leeway <= 0 {
            return Err(Reason::Expired);
        }
        if until(expires_at) > nanoseconds(self.max_lifetime) + leeway {
            return Err(Reason::LifetimeTooLong);
        }
        if not_before.is_some_and(|moment| until(moment) > leeway) {
            return Err(Reason::NotYetValid);
        }
        if issued_at.is_some_and(|moment| until(moment) > leeway) {
            return Err(Reason::IssuedInFuture);
        }
        Ok((issued_at, expires_at))
    }

    /// Whether one of the audiences is ours, whole.
    fn audience(&self, claims: &Claims) -> Result<(), Reason> {
        let value = claims.get("aud").ok_or(Reason::AudienceMissing)?;
        let audiences = texts(value).ok_or(Reason::AudienceMalformed)?;
        let ours = |audience: &&str| self.audiences.iter().any(|known| known == audience);
        if audiences.iter().any(ours) { Ok(()) } else { Err(Reason::AudienceMismatch) }
    }

    /// Whether every claim is there that has to be. A null says no more than nothing would.
    fn presence(&self, claims: &Claims) -> Result<(), Reason> {
        let is_there = |name: &String| claims.get(name).is_some_and(|value| !value.is_null());
        if self.profile.required_claims.iter().all(is_there) { Ok(()) } else { Err(Reason::ClaimMissing) }
    }

    /// What the rules make of the claim; without any, the one tenant that it names.
    fn tenants(&self, claims: &Claims) -> Result<Tenants, Reason> {
        let value = self.tenant_claim.find(claims).ok_or(Reason::TenantMissing)?;
        let rules = &self.profile.tenant_rules;
        if !rules.is_empty() {
            return rules.tenants(&texts(value).ok_or(Reason::TenantMalformed)?);
        }
        let name = value.as_str().ok_or(Reason::TenantMalformed)?;
        let in_bounds = (1..=MAX_TENANT).contains(&name.chars().count());
        let sound = in_bounds && name.chars().all(is_printable);
        if sound { Ok(Tenants::one(TenantId::new(name))) } else { Err(Reason::TenantMalformed) }
    }

    /// The scopes of the claims that hold any. `scope` is one string with spaces between (RFC 8693, 4.2); what goes by
    /// another name, such as `scp`, is a list at most providers.
    fn scopes(&self, claims: &Claims) -> Result<Vec<String>, Reason> {
        let mut scopes: Vec<&str> = Vec::new();
        for name in &self.profile.scope_claims {
            let Some(value) = claims.get(name) else { continue };
            let listed = if name == "scope" { value.as_str().map(|text| vec![text]) } else { texts(value) };
            let texts = listed.ok_or(Reason::ScopeMalformed)?;
            scopes.extend(texts.into_iter().flat_map(|text| text.split(' ')));
        }
        scopes.retain(|scope| !scope.is_empty());
        scopes.sort_unstable();
        scopes.dedup();
        Ok(scopes.into_iter().map(str::to_owned).collect())
    }
}

fn subject(claims: &Claims) -> Result<Arc<str>, Reason> {
    let subject = optional_text(claims, "sub", Reason::SubjectMalformed)?.ok_or(Reason::SubjectMissing)?;
    let in_bounds = (1..=LONGEST_NAME).contains(&subject.len());
    if in_bounds { Ok(Arc::from(subject)) } else { Err(Reason::SubjectMalformed) }
}

fn token_id(claims: &Claims) -> Result<Option<Arc<str>>, Reason> {
    let id = optional_text(claims, "jti", Reason::TokenIdMalformed)?;
    if id.is_some_and(|id| id.len() > LONGEST_NAME) { Err(Reason::TokenIdMalformed) } else { Ok(id.map(Arc::from)) }
}

/// A `NumericDate`, narrowed to whole seconds from 1970 to the end of the calendar. RFC 7519 allows fractions; no
/// provider of note sends them, and floats bring 1e308.
fn date(claims: &Claims, name: &str, malformed: Reason) -> Result<Option<Timestamp>, Reason> {
    let read = |value: &Value| {
        let seconds = value.as_i64().filter(|seconds| *seconds >= 0)?;
        Timestamp::from_second(seconds).ok()
    };
    claims.get(name).map(|value| read(value).ok_or(malformed)).transpose()
}

fn optional_text<'c>(claims: &'c Claims, name: &str, malformed: Reason) -> Result<Option<&'c str>, Reason> {
    claims.get(name).map(|value| value.as_str().ok_or(malformed)).transpose()
}

/// One string, or the strings of a list that has nothing else.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// Whether a reader sees the character, and sees it where it is: no control, no space but the plain one, nothing
/// invisible, nothing that turns the direction of what follows.
fn is_printable(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    c == ' ' || !(c.is_control() || c.is_whitespace() || unseen)
}

fn nanoseconds(duration: Duration) -> i128 {
    // a `Duration` has at most 2^64 seconds: 94 bits of nanoseconds
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 4)
}
