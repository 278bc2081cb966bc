//! On whose behalf a request is made. A caller may speak for several tenants; a request is always one tenant's, and which
//! one is worked out here, once, so that whoever counts the request and whoever answers it cannot disagree.

use std::sync::Arc;

use super::{App, Grant, Registry, Tenant};
use crate::auth::Caller;
use crate::model::TenantId;

/// What of a request decides on whose behalf it is made. Both are the caller's words, unverified.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'r> {
    /// The app's name or AppId, where the request is for one.
    pub app: Option<&'r str>,
    /// The tenant that the caller chooses among its own.
    pub tenant: Option<&'r str>,
}

/// The tenant that a request is counted for and answered to, and what it may read.
#[derive(Clone, Debug)]
pub struct Acting {
    id: TenantId,
    tenant: Option<Arc<Tenant>>,
    /// Those whose apps it may read, as the token names them.
    names: Vec<TenantId>,
    /// Those of them that are configured.
    tenants: Vec<Arc<Tenant>>,
    grant: Result<Grant, Denied>,
}

/// Why there is no grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The caller's tenants may not read this app, or there is no such app: the two are never told apart.
    #[error("no such app is granted to the caller's tenant")]
    NotGranted,
    /// Two of the caller's tenants call different apps by this word. Which one is meant would be a guess.
    #[error("the word means different apps of the caller's tenants")]
    Ambiguous,
    /// The caller does not speak for the tenant that it chose. Whether there is such a tenant makes no difference.
    #[error("the caller does not speak for this tenant")]
    NotHeld,
}

impl Registry {
    /// On whose behalf the caller makes this request.
    ///
    /// That is the tenant it chose; else the first of its tenants that is granted the app; else, where none is or no app
    /// is wanted, the first that is configured. A request that is refused is counted all the same.
    pub fn act(&self, caller: &Caller, wanted: Wanted<'_>) -> Acting {
        let held = wanted.is_held_by(caller);
        let all = Wanted { tenant: None, ..wanted };
        let names: Vec<_> = if held { wanted } else { all }.among(caller).cloned().collect();
        let tenants: Vec<_> = names.iter().filter_map(|name| self.0.get(name).cloned()).collect();
        let grant = self.admit(caller, wanted);
        let tenant = grant.as_ref().ok().map(Grant::tenant).or(tenants.first()).cloned();
        // The apps of those that a mistaken choice leaves out of account are not listed by mistake either.
        let tenants = if held { tenants } else { Vec::new() };
        let id = tenant.as_ref().map(|tenant| tenant.id()).or(names.first()).unwrap_or(caller.tenants().first());
        let id = id.clone();
        Acting { id, tenant, names, tenants, grant }
    }

    /// The grant of this request, or why there is none. As `act` finds it, and no more: a hit needs nothing else.
    pub fn admit(&self, caller: &Caller, wanted: Wanted<'_>) -> Result<Grant, Denied> {
        if !wanted.is_held_by(caller) {
            return Err(Denied::NotHeld);
        }
        let word = wanted.app.ok_or(Denied::NotGranted)?;
        // Of the first of these tenants that has one, unless another's is for another app.
        let mut grants = wanted.among(caller).filter_map(|name| {
            let tenant = self.0.get(name)?;
            Some((tenant, tenant.by_word.get(word)?))
        });
        let (tenant, app) = grants.next().ok_or(Denied::NotGranted)?;
        if grants.any(|(_, other)| other.id != app.id) {
            return Err(Denied::Ambiguous);
        }
        Ok(Grant { tenant: Arc::clone(tenant), app: Arc::clone(app) })
    }

    /// The grant of a caller who chooses no tenant.
    #[cfg(test)]
    pub(crate) fn grant(&self, caller: &Caller, app: &str) -> Result<Grant, Denied> {
        self.admit(caller, Wanted { app: Some(app), tenant: None })
    }
}

impl Wanted<'_> {
    /// Whether the caller speaks for the tenant that it chose, if it did.
    fn is_held_by(self, caller: &Caller) -> bool {
        self.tenant.is_none_or(|chosen| caller.tenants().iter().any(|tenant| tenant.as_str() == chosen))
    }

    /// The tenants that the request may be for: the chosen one, or all of the caller's.
    fn among(self, caller: &Caller) -> impl Iterator<Item = &TenantId> {
        caller.tenants().iter().filter(move |tenant| self.tenant.is_none_or(|chosen| tenant.as_str() == chosen))
    }
}

impl Acting {
    /// The tenant's name, as the token has it.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// The tenant, where it is configured.
    pub fn tenant(&self) -> Option<&Arc<Tenant>> {
        self.tenant.as_ref()
    }

    /// The grant for the app that was wanted.
    pub fn grant(&self) -> Result<&Grant, Denied> {
        self.grant.as_ref().map_err(|denied| *denied)
    }

    /// The tenants whose apps the request may read, as the token names them: the chosen one, or all of the caller's.
    pub fn names(&self) -> Result<&[TenantId], Denied> {
        if matches!(self.grant, Err(Denied::NotHeld)) { Err(Denied::NotHeld) } else { Ok(&self.names) }
    }

    /// The apps of these tenants, each with whose it is.
    pub fn apps(&self) -> impl Iterator<Item = (&TenantId, &App)> {
        self.tenants.iter().flat_map(|tenant| tenant.apps().map(|app| (tenant.id(), app)))
    }
}
