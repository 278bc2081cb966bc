//! What kind of tokens an issuer's are, and how their claims are read. The default takes them as most providers send them.

use super::tenant_rules::TenantRules;
use super::token_type::TokenType;
use crate::settings::Section;

/// The part of an issuer's settings that follows what its provider puts into tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What their `typ` has to say.
    pub token_type: TokenType,
    /// Claims that have to be there besides `exp`, `iss`, `aud` and `sub`.
    pub required_claims: Vec<String>,
    /// Where their scopes are.
    pub scope_claims: Vec<String>,
    /// Which tenants the tenant claim means; without rules it names one.
    pub tenant_rules: TenantRules,
}

const SCOPE_CLAIMS: [&str; 2] = ["scope", "scp"];

impl Default for Profile {
    fn default() -> Self {
        Self {
            token_type: TokenType::Any,
            required_claims: Vec::new(),
            scope_claims: SCOPE_CLAIMS.map(str::to_owned).to_vec(),
            tenant_rules: TenantRules::default(),
        }
    }
}

impl Profile {
    /// Reads its keys of an `[[issuers]]` table.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        section.assume("typ", "\"any\"");
        section.assume("scope_claims", &list(&SCOPE_CLAIMS));
        let token_type = section.choice("typ", &TokenType::CHOICES);
        section.assume("required_claims", &list(token_type.unwrap_or_default().required_claims()));
        let required_claims = names(section, "required_claims");
        let scope_claims = names(section, "scope_claims");
        let scope_claims = section.vetted("scope_claims", scope_claims, |claims| {
            (!claims.is_empty()).then_some(()).ok_or("name at least one claim; without it no token could carry a scope")
        });
        let tenant_rules = TenantRules::read(section);
        Some(Self {
            token_type: token_type?,
            required_claims: required_claims?,
            scope_claims: scope_claims?,
            tenant_rules: tenant_rules?,
        })
    }
}

/// Names of claims. A pointer is told apart, because as a name it would never be found.
fn names(section: &mut Section<'_>, key: &str) -> Option<Vec<String>> {
    let names = section.texts(key);
    section.vetted(key, names, |names| match names.iter().find(|name| name.starts_with('/')) {
        None => Ok(()),
        Some(pointer) => Err(format!("\"{pointer}\" is a pointer; only claims of the top level can stand here")),
    })
}

/// The names as a TOML list.
fn list(names: &[&str]) -> String {
    format!("{names:?}")
}
