//! `tenant_rules`: the issuer's names of groups → the tenants that they mean here.
//!
//! A rule is a value and a tenant, each with one `*` at most, and nothing cleverer: who reads a rule sees which groups
//! it lets in. What matches no rule is ignored, because people are in many groups that have nothing to do with this.

use super::caller::Tenants;
use super::rejected::Reason;
use crate::model::{TenantId, is_word};
use crate::settings::Section;

/// The most tenants of one caller. More are refused rather than cut off: which of them would count might depend on the
/// order in which the issuer lists groups.
const MOST_TENANTS: usize = 64;

/// The rules of one issuer, in order. Empty: the tenant claim is the tenant's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRules(Vec<TenantRule>);

/// One rule: what a group must be called, and which tenant that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRule {
    value: Pattern,
    tenant: Pattern,
}

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// More than one `*`.
    #[error("it may hold one * at most")]
    Stars,
    /// The tenant could never be configured.
    #[error("not a name that a tenant may have: 1 to 64 letters, digits, -, _, . or ~, among them one * at most")]
    Name,
    /// A `*` that nothing is put in place of.
    #[error("its * stands for what the * of value stands for, and value has none")]
    NothingForStar,
}

/// A text in which one `*` may stand for one or more characters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    before: String,
    /// What follows the `*`, where there is one.
    after: Option<String>,
}

impl TenantRules {
    /// Reads `tenant_rules` of an `[[issuers]]` table.
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        section.assume("tenant_rules", "[]");
        let rules = section.each("tenant_rules", |rule| {
            let value = rule.parsed("value", |text| Pattern::read(text).map_err(|fault| fault.to_string()));
            let tenant = rule.parsed("tenant", |text| Pattern::of_tenant(text).map_err(|fault| fault.to_string()));
            let made = TenantRule::made(value?, tenant?);
            made.map_err(|fault| rule.reject("tenant", fault.to_string())).ok()
        })?;
        Some(Self(rules))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tenants that these entries mean: in the order of the rules, then of the entries.
    pub(super) fn tenants(&self, entries: &[&str]) -> Result<Tenants, Reason> {
        let mut found: Vec<TenantId> = Vec::new();
        for name in self.0.iter().flat_map(|rule| entries.iter().filter_map(|entry| rule.tenant_of(entry))) {
            if found.iter().any(|known| known.as_str() == name) {
                continue;
            }
            if found.len() == MOST_TENANTS {
                return Err(Reason::TenantsTooMany);
            }
            found.push(TenantId::new(&name));
        }
        Tenants::of(found).ok_or(Reason::TenantMissing)
    }

    /// An entry that means this tenant, and no other where that can be had: what a development token says.
    pub(super) fn entry_for(&self, tenant: &str) -> Option<String> {
        let entries: Vec<String> = self.0.iter().filter_map(|rule| rule.entry_for(tenant)).collect();
        let alone = |entry: &&String| self.tenants(&[entry.as_str()]).is_ok_and(|tenants| !tenants.are_several());
        entries.iter().find(alone).or(entries.first()).cloned()
    }
}

impl From<Vec<TenantRule>> for TenantRules {
    fn from(rules: Vec<TenantRule>) -> Self {
        Self(rules)
    }
}

impl TenantRule {
    /// The rule that `value` means `tenant`.
    pub fn new(value: &str, tenant: &str) -> Result<Self, RuleFault> {
        Self::made(Pattern::read(value)?, Pattern::of_tenant(tenant)?)
    }

    fn made(value: Pattern, tenant: Pattern) -> Result<Self, RuleFault> {
        let fits = tenant.after.is_none() || value.after.is_some();
        if fits { Ok(Self { value, tenant }) } else { Err(RuleFault::NothingForStar) }
    }

    /// The tenant that the entry means. A name that no tenant could have is none.
    fn tenant_of(&self, entry: &str) -> Option<String> {
        let tenant = self.tenant.filled(self.value.matched(entry)?);
        is_word(&tenant).then_some(tenant)
    }

    /// An entry that means this tenant.
    fn entry_for(&self, tenant: &str) -> Option<String> {
        let part = self.tenant.matched(tenant).filter(|_| is_word(tenant))?;
        // The `*` of a value that means one tenant, whatever it stands for, may stand for the tenant's name.
        Some(self.value.filled(if self.tenant.after.is_some() { part } else { tenant }))
    }
}

impl Pattern {
    fn read(text: &str) -> Result<Self, RuleFault> {
        match text.split_once('*') {
            None => Ok(Self { before: text.to_owned(), after: None }),
            Some((_, after)) if after.contains('*') => Err(RuleFault::Stars),
            Some((before, after)) => Ok(Self { before: before.to_owned(), after: Some(after.to_owned()) }),
        }
    }

    /// The pattern of a name that a tenant may have.
    fn of_tenant(text: &str) -> Result<Self, RuleFault> {
        let pattern = Self::read(text)?;
        if is_word(&pattern.filled("x")) { Ok(pattern) } else { Err(RuleFault::Name) }
    }

    /// What the `*` stands for in a text that matches whole; nothing where there is no `*`.
    fn matched<'t>(&self, text: &'t str) -> Option<&'t str> {
        match &self.after {
            None => (text == self.before).then_some(""),
            Some(after) => {
                let part = text.strip_prefix(self.before.as_str())?.strip_suffix(after.as_str())?;
                (!part.is_empty()).then_some(part)
            }
        }
    }

    /// The text with this in the place of the `*`.
    fn filled(&self, part: &str) -> String {
        match &self.after {
            None => self.before.clone(),
            Some(after) => format!("{}{part}{after}", self.before),
        }
    }
}
