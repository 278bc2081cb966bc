//! `[[tenants]]`: who may read what, how fast each may ask, and its share of the budget.

use std::collections::HashSet;
use std::num::NonZeroU32;

use crate::model::{AppId, TenantId, is_word};
use crate::settings::Section;

/// All tenants, ids unique.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// In the order of the file.
    pub tenants: Vec<TenantConfig>,
}

/// One `[[tenants]]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantConfig {
    /// What the token's tenant claim says.
    pub id: TenantId,
    /// How fast it may send requests, held answers included.
    pub rate: Rate,
    /// Turns at the budget for each turn of a tenant of weight 1.
    pub weight: u32,
    /// What it may read; names and ids unique within the tenant.
    pub apps: Vec<AppConfig>,
}

/// A tenant's own request rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second over a long time.
    pub requests_per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// In how many seconds so many requests are allowed again.
    pub fn refill(self, missing: u32) -> u32 {
        missing.div_ceil(self.requests_per_second.get())
    }
}

/// One app of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct AppConfig {
    /// The name in the tenant's URLs.
    pub name: Box<str>,
    /// The vendor's id.
    pub id: AppId,
}

/// Small enough that one tenant's turn never makes the others wait for minutes.
const HIGHEST_WEIGHT: u64 = 100;
const HIGHEST_RATE: u64 = 1_000_000;

impl Config {
    /// Reads every `[[tenants]]` table.
    pub fn read(root: &mut Section<'_>) -> Option<Self> {
        let mut seen = HashSet::new();
        let tenants = root.each("tenants", |section| {
            let id = section.parsed("id", |text| word(text).map(TenantId::new));
            let id = section.vetted("id", id, |id| {
                let twice = || format!("the tenant \"{id}\" is configured twice; each needs an id of its own");
                seen.insert(id.clone()).then_some(()).ok_or_else(twice)
            });
            TenantConfig::read(id, section)
        })?;
        Some(Self { tenants })
    }
}

impl TenantConfig {
    fn read(id: Option<TenantId>, section: &mut Section<'_>) -> Option<Self> {
        section.assume("requests_per_second", "50");
        section.assume("weight", "1");
        let requests_per_second = section.integer("requests_per_second", 1..=HIGHEST_RATE);
        let usual_burst = requests_per_second.map_or(1, |rate| (2 * rate).min(HIGHEST_RATE));
        section.assume("burst", &usual_burst.to_string());
        let burst = section.integer("burst", 1..=HIGHEST_RATE);
        let weight = section.integer("weight", 1..=HIGHEST_WEIGHT);
        let mut words = HashSet::new();
        let apps = section.each("apps", |section| {
            let app = AppConfig::read(section)?;
            let ours: HashSet<Box<str>> = [app.name.clone(), Box::from(app.id.as_str())].into();
            if words.is_disjoint(&ours) {
                words.extend(ours);
                return Some(app);
            }
            section.reject("name", "another app of this tenant has the same name or AppId; each must be unambiguous");
            None
        });
        let rate = Rate { requests_per_second: narrow(requests_per_second?), burst: narrow(burst?) };
        Some(Self { id: id?, rate, weight: narrow(weight?).get(), apps: apps? })
    }
}

impl AppConfig {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let name = section.parsed("name", |text| word(text).map(Box::from));
        let id = section.parsed("app_id", |text| {
            AppId::parse(text).ok_or_else(|| "not an AppId: 1 to 64 letters, digits, - or _".to_owned())
        });
        Some(Self { name: name?, id: id? })
    }
}

fn word(text: &str) -> Result<&str, String> {
    let odd = || "not a name that can stand in a URL: 1 to 64 letters, digits, -, _, . or ~".to_owned();
    is_word(text).then_some(text).ok_or_else(odd)
}

/// The accessors have bounded the value to 1 and above.
fn narrow(value: u64) -> NonZeroU32 {
    u32::try_from(value).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}
