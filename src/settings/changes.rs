//! What differs between two readings of a configuration, key by key. Secrets and the contents of files are compared by
//! their hashes, so that neither reading keeps them.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use super::node::{Node, Table, Value};
use super::print::{HIDDEN, inline};
use super::spelling::joined;

/// One key that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The dotted key; entries of lists stand under their name: `tenants[team-a].weight`.
    pub key: String,
    /// What was written; `None` where it was not there.
    pub before: Option<String>,
    /// What is written now; `None` where it is gone.
    pub after: Option<String>,
}

/// All settings, each under its dotted key.
#[derive(Clone, Debug, Default)]
pub(super) struct Inventory(BTreeMap<String, Leaf>);

/// What is shown of a value, and its hash, which is compared.
#[derive(Clone, Debug)]
struct Leaf {
    shown: String,
    hash: (u64, Option<u64>),
}

/// Entries of lists are known by the first of these keys that they have.
const NAMES: [&str; 3] = ["id", "issuer", "name"];

impl Inventory {
    /// Of a tree whose secrets are still there.
    pub(super) fn of(root: &Table) -> Self {
        let mut inventory = Self::default();
        inventory.table("", root);
        inventory
    }

    /// What differs in `after`, by key.
    pub(super) fn changes(&self, after: &Self) -> Vec<Change> {
        let keys = self.0.keys().chain(after.0.keys().filter(|key| !self.0.contains_key(*key)));
        let mut changes: Vec<_> = keys
            .filter_map(|key| {
                let (before, after) = (self.0.get(key), after.0.get(key));
                let same = before.map(|leaf| leaf.hash) == after.map(|leaf| leaf.hash);
                let shown = |leaf: Option<&Leaf>| leaf.map(|leaf| leaf.shown.clone());
                (!same).then(|| Change { key: key.clone(), before: shown(before), after: shown(after) })
            })
            .collect();
        changes.sort_by(|one, other| one.key.cmp(&other.key));
        changes
    }

    /// The newer one, but for the keys that do not apply, which stay as they are.
    pub(super) fn overlaid(&self, newer: Self, applies: impl Fn(&str) -> bool) -> Self {
        let mut overlaid = newer.0;
        overlaid.retain(|key, _| applies(key));
        let kept = self.0.iter().filter(|(key, _)| !applies(key));
        overlaid.extend(kept.map(|(key, leaf)| (key.clone(), leaf.clone())));
        Self(overlaid)
    }

    fn table(&mut self, path: &str, table: &Table) {
        for (key, node) in table.iter() {
            self.node(&joined(path, key), node);
        }
    }

    fn node(&mut self, path: &str, node: &Node) {
        match &node.value {
            Value::Table(table) => self.table(path, table),
            Value::List(elements) if elements.iter().any(|element| matches!(element.value, Value::Table(_))) => {
                for (index, element) in elements.iter().enumerate() {
                    self.node(&format!("{path}[{}]", name(element).unwrap_or(index.to_string())), element);
                }
            }
            value => {
                let (shown, hash) = match value {
                    // Not written out first, which would leave a copy behind.
                    Value::Text(secret) if node.secret => (HIDDEN.to_owned(), hash(secret.as_bytes())),
                    value => {
                        let written = inline(value);
                        let hash = hash(written.as_bytes());
                        (if node.secret { HIDDEN.to_owned() } else { written }, hash)
                    }
                };
                self.0.insert(path.to_owned(), Leaf { shown, hash: (hash, node.content) });
            }
        }
    }
}

fn name(element: &Node) -> Option<String> {
    let Value::Table(table) = &element.value else { return None };
    NAMES.iter().find_map(|key| match &table.get(key)?.value {
        Value::Text(text) => Some(text.as_str().to_owned()),
        _ => None,
    })
}

/// Keyed anew in each process: it tells only whether two readings of this process are the same.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEY.hash_one(bytes)
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) if before == after => write!(f, "{}: changed", self.key),
            (Some(before), Some(after)) => write!(f, "{}: {before} → {after}", self.key),
            (None, Some(after)) => write!(f, "{}: added, {after}", self.key),
            (_, None) => write!(f, "{}: removed", self.key),
        }
    }
}
