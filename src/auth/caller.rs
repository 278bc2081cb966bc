//! Who asks: what a token proved, once every check has passed.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::TenantId;

/// A caller whose token was accepted. It can be had from `Authenticator::authenticate` alone, so holding one is proof.
/// Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub(super) tenants: Tenants,
    pub(super) issuer: Arc<str>,
    pub(super) subject: Arc<str>,
    pub(super) token_id: Option<Arc<str>>,
    pub(super) scopes: Arc<[String]>,
    pub(super) issued_at: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
}

/// The tenants that a caller speaks for: at least one, none of them twice, in the order that matters where the first of
/// several is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenants {
    first: TenantId,
    others: Arc<[TenantId]>,
}

impl Tenants {
    /// One tenant alone.
    pub(super) fn one(tenant: TenantId) -> Self {
        Self { first: tenant, others: Arc::default() }
    }

    /// These, which must differ; `None` where there is none.
    pub(super) fn of(mut tenants: Vec<TenantId>) -> Option<Self> {
        let others = tenants.split_off(tenants.len().min(1)).into();
        tenants.pop().map(|first| Self { first, others })
    }

    /// The first of them, often the only one.
    pub fn first(&self) -> &TenantId {
        &self.first
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &TenantId> {
        std::iter::once(&self.first).chain(self.others.iter())
    }

    /// Whether there is more than one.
    pub fn are_several(&self) -> bool {
        !self.others.is_empty()
    }
}

impl Caller {
    /// The tenants it speaks for, as the token names them. Whether there are such tenants is not known yet.
    pub fn tenants(&self) -> &Tenants {
        &self.tenants
    }

    /// The issuer that vouches for it (`iss`).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The person or program (`sub`); unique within the issuer.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The token's own name (`jti`), where it has one.
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// What the token allows, without repetitions, in no particular order.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(String::as_str)
    }

    /// When the token was made (`iat`), where it says so.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// When the token expires (`exp`), without leeway.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// How many bytes its texts take.
    pub(super) fn text_bytes(&self) -> usize {
        let scopes: usize = self.scopes.iter().map(|scope| size_of::<String>() + scope.len()).sum();
        let id = self.token_id.as_ref().map_or(0, |id| id.len());
        let tenants: usize = self.tenants.iter().map(|tenant| size_of::<TenantId>() + tenant.as_str().len()).sum();
        tenants + self.issuer.len() + self.subject.len() + id + scopes
    }

    /// A caller that no token stands behind, for the tests of later stages.
    #[cfg(test)]
    pub(crate) fn of_tenant(tenant: &str) -> Self {
        Self::of_tenants(&[tenant])
    }

    /// The same of several tenants.
    #[cfg(test)]
    pub(crate) fn of_tenants(tenants: &[&str]) -> Self {
        Self {
            tenants: Tenants::of(tenants.iter().map(|tenant| TenantId::new(tenant)).collect()).expect("a tenant"),
            issuer: Arc::from("https://issuer.test"),
            subject: Arc::from("somebody"),
            token_id: None,
            scopes: Arc::default(),
            issued_at: None,
            expires_at: Timestamp::MAX,
        }
    }
}
