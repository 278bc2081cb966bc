//! What the tests build from: a house (upstream and gateway in this process), askers, identity providers, a browser, and
//! days to ask for.

mod asking;
mod browser;
pub(crate) mod certificates;
mod days;
mod house;
mod key;
mod oidc;
pub(crate) mod port;
mod process;
mod provider;
pub(crate) mod usage;
pub(crate) mod waiting;

pub(crate) use asking::{Asker, Reply};
pub(crate) use browser::{Shown, Site};
pub(crate) use certificates::Certificates;
#[allow(unused_imports, reason = "not every binary of the tests asks for that many windows")]
pub(crate) use days::settled_days;
pub(crate) use days::{moving_day, now, settled_day, settled_week};
pub(crate) use house::{APPS_PER_TENANT, House, Plan, RESOURCE, TENANTS, app_id};
pub(crate) use key::Key;
pub(crate) use oidc::{OidcProvider, Requests};
pub(crate) use port::free_port;
pub(crate) use process::{Files, ISSUER_AND_TENANT, Process, addresses, log_lines, sluice};
pub(crate) use provider::{DISCOVERY, KEYS, Page, Provider};
