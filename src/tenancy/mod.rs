//! Caller + app name → `Grant`: which apps a tenant may read, and under which names.
//!
//! In: the verified tenants of a caller and the app as it stands in the path. Out: on whose behalf the request is made,
//! with a `Grant`, which nothing else can make, or `Denied`, the same for an app of somebody else and for one that does
//! not exist.

mod acting;
pub(crate) mod config;

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;

pub use self::acting::{Acting, Denied, Wanted};
use self::config::TenantConfig;
pub use self::config::{Config, Rate};
use crate::model::{AppId, TenantId};

/// A team with its share of the budget and its apps.
#[derive(Debug)]
pub struct Tenant {
    id: TenantId,
    weight: u32,
    rate: Rate,
    apps: Vec<Arc<App>>,
    by_word: HashMap<Box<str>, Arc<App>, RandomState>,
}

/// An app as one tenant knows it.
#[derive(Debug, PartialEq, Eq)]
pub struct App {
    name: Box<str>,
    id: AppId,
}

/// Proof that a verified caller may read an app.
#[derive(Clone, Debug)]
pub struct Grant {
    tenant: Arc<Tenant>,
    app: Arc<App>,
}

/// All tenants. A reload builds a new one and swaps it whole.
#[derive(Debug, Default)]
pub struct Registry(HashMap<TenantId, Arc<Tenant>, RandomState>);

impl Registry {
    /// The registry of these tenants.
    pub fn new(config: &Config) -> Self {
        let tenants = config.tenants.iter().map(|tenant| (tenant.id.clone(), Arc::new(Tenant::new(tenant))));
        Self(tenants.collect())
    }

    /// Whether a tenant of this id is configured.
    pub fn knows(&self, id: &str) -> bool {
        self.0.contains_key(&TenantId::new(id))
    }

    /// The ids of all tenants, in no order.
    pub fn ids(&self) -> impl Iterator<Item = &TenantId> {
        self.0.keys()
    }

    /// The AppIds that any tenant knows by this name or id: for the operator, who belongs to none.
    pub fn app_ids(&self, word: &str) -> Vec<AppId> {
        let mut ids: Vec<_> = self.0.values().filter_map(|tenant| Some(tenant.by_word.get(word)?.id.clone())).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Tenant {
    fn new(config: &TenantConfig) -> Self {
        let apps: Vec<_> =
            config.apps.iter().map(|app| Arc::new(App { name: app.name.clone(), id: app.id.clone() })).collect();
        let by_id = apps.iter().map(|app| (Box::from(app.id.as_str()), Arc::clone(app)));
        let by_name = apps.iter().map(|app| (app.name.clone(), Arc::clone(app)));
        // Names come last and win; the configuration refuses a name that is another app's id.
        let by_word = by_id.chain(by_name).collect();
        Self { id: config.id.clone(), weight: config.weight, rate: config.rate, apps, by_word }
    }

    /// Its name.
    pub fn id(&self) -> &TenantId {
        &self.id
    }

    /// How many turns it gets for each turn of a tenant of weight 1.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// How fast it may send requests.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Its apps, as configured.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.iter().map(|app| &**app)
    }
}

impl App {
    /// The name the tenant uses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The vendor's id.
    pub fn id(&self) -> &AppId {
        &self.id
    }
}

impl Grant {
    /// On whose behalf.
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// Which app.
    pub fn app(&self) -> &App {
        &self.app
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "acting_tests.rs"]
mod acting_tests;
