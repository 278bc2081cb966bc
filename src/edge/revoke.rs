//! `POST /auth/revoke` on the admin listener: tokens that shall count no more.
//!
//! Whoever revokes is in a hurry, so a slip of the pen is refused instead of revoking nothing.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::admin::{Admin, carried_out, refused};
use crate::auth::{self, LONGEST_NAME, Revocation, Target};
use crate::model::Object;

/// What to revoke: one of `jti`, `subject` and `tenant`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    issuer: Option<String>,
    jti: Option<String>,
    subject: Option<String>,
    tenant: Option<String>,
    issued_before: Option<String>,
    expires_at: Option<String>,
}

/// The most that an issuer's clock may differ from ours.
const LONGEST_LEEWAY: SignedDuration = SignedDuration::from_secs(auth::LONGEST_LEEWAY.as_secs().cast_signed());
const USAGE: &str = "the body is not understood; send {\"jti\":\"…\"}, {\"subject\":\"…\"} or {\"tenant\":\"…\"}, \
                     where needed with issuer, issued_before (subject, tenant) or expires_at (jti)";

pub(super) async fn revoke(State(admin): State<Admin>, body: Bytes) -> Response {
    let revocation = match read(&admin, &body) {
        Ok(revocation) => revocation,
        Err(detail) => return refused(StatusCode::BAD_REQUEST, &detail),
    };
    match admin.pipeline.revoke(revocation.clone()).await {
        Ok(reach) => {
            tell(&revocation);
            carried_out(reach)
        }
        Err(too_many) => refused(StatusCode::INSUFFICIENT_STORAGE, &too_many.to_string()),
    }
}

fn tell(Revocation { issuer, target }: &Revocation) {
    let issuer = issuer.as_deref();
    match target {
        Target::Token { id, .. } => tracing::info!(issuer, jti = id, "a token was revoked"),
        Target::Subject { subject, issued_before } => {
            tracing::info!(issuer, subject, %issued_before, "tokens of a subject were revoked");
        }
        Target::Tenant { tenant, issued_before } => {
            tracing::info!(issuer, %tenant, %issued_before, "tokens of a tenant were revoked");
        }
    }
}

fn read(admin: &Admin, body: &[u8]) -> Result<Revocation, String> {
    let Object(body): Object<Body> = serde_json::from_slice(body).map_err(|_| USAGE.to_owned())?;
    let policy = admin.pipeline.policy();
    if let Some(issuer) = body.issuer.as_deref().filter(|issuer| !policy.authenticator.knows(issuer)) {
        return Err(format!("no issuer {issuer:?} is configured; leave issuer out to mean all of them"));
    }
    if let Some(tenant) = body.tenant.as_deref().filter(|tenant| !policy.registry.knows(tenant)) {
        return Err(format!("no tenant {tenant:?} is configured"));
    }
    let now = admin.clock.now();
    let moment = |name: &str, text: &str| {
        let fault = |_| format!("{name} is not a time; write for example \"2026-11-09T02:00:00Z\"");
        text.parse::<Timestamp>().map_err(fault)
    };
    let expires_at = body.expires_at.as_deref().map(|text| moment("expires_at", text)).transpose()?;
    let issued_before = body.issued_before.as_deref().map(|text| moment("issued_before", text)).transpose()?;
    // An issuer's clock may be ahead, and what it has just issued lies in our future.
    if issued_before.is_some_and(|before| before.duration_since(now) > LONGEST_LEEWAY) {
        return Err("issued_before is more than 5 minutes ahead: what is not issued yet cannot be revoked".to_owned());
    }
    if expires_at.is_some_and(|at| now.duration_since(at) > LONGEST_LEEWAY) {
        return Err("expires_at is past: the token is refused already".to_owned());
    }
    // Tokens have no business in a log.
    if body.jti.as_deref().is_some_and(|id| id.starts_with("eyJ") && id.matches('.').count() == 2) {
        return Err("jti is the name of a token, its claim jti; this is a token itself".to_owned());
    }
    let named = |name: &str, text: String| match text.len() {
        0 => Err(format!("{name} is empty: it would mean nobody")),
        1..=LONGEST_NAME => Ok(text),
        _ => Err(format!("{name} is longer than {LONGEST_NAME} bytes")),
    };
    let target = match (body.jti, body.subject, body.tenant) {
        (Some(id), None, None) if issued_before.is_none() => Target::Token { id: named("jti", id)?, expires_at },
        (None, Some(subject), None) if expires_at.is_none() => {
            Target::Subject { subject: named("subject", subject)?, issued_before: issued_before.unwrap_or(now) }
        }
        (None, None, Some(tenant)) if expires_at.is_none() => {
            Target::Tenant { tenant, issued_before: issued_before.unwrap_or(now) }
        }
        _ => return Err(USAGE.to_owned()),
    };
    Ok(Revocation { issuer: body.issuer, target })
}
