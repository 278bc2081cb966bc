//! The tree that every source is turned into, and the merge of a stronger tree onto a weaker one.
//! Each node remembers where it was written. Text is wiped when it is dropped, because any of it
//! may turn out to be a secret once a module asks for it as one.

use std::collections::BTreeSet;
use std::fmt;

use zeroize::Zeroizing;

use super::mistake::Origin;
use super::spelling::quoted;

/// One value and where it stands.
pub(super) struct Node {
    pub(super) value: Value,
    /// `None` only for a table nobody wrote.
    pub(super) origin: Option<Origin>,
    /// Which source it came from, weakest first; the defaults are 0.
    pub(super) rank: usize,
    /// It was read as a secret and is never printed.
    pub(super) secret: bool,
    /// The hash of what the file held that it names, where it was read.
    pub(super) content: Option<u64>,
}

pub(super) enum Value {
    Text(Zeroizing<String>),
    Whole(i128),
    Boolean(bool),
    /// What no setting takes (fractions, dates, numbers beyond 128 bits), kept to be named.
    Other {
        kind: &'static str,
        written: String,
    },
    List(Vec<Node>),
    Table(Table),
}

/// A table in the order in which its keys were first written.
#[derive(Default)]
pub(super) struct Table {
    entries: Vec<(String, Node)>,
    /// Every key some reader wanted, present or not: the known keys.
    pub(super) asked: BTreeSet<String>,
    pub(super) standing: Standing,
}

/// Why a table is in the tree.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was written, and nobody has read it yet.
    #[default]
    Written,
    /// It was written and read as a table, so that its unread keys are unknown ones.
    Opened,
    /// It was read but nobody wrote it.
    Implied,
    /// Something else stood in its place, which has been reported; nothing in it is missed.
    Spoiled,
}

impl Node {
    pub(super) fn is_variable(&self) -> bool {
        matches!(self.origin, Some(Origin::Environment { .. }))
    }
}

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(Zeroizing::new(text.into()))
    }

    /// The kind alone, for messages that must not show the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "a whole number",
            Self::Boolean(_) => "a boolean",
            Self::Other { kind, .. } => kind,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The kind and, where it is short, the value. Not for anything that may be a secret.
impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Text(text) => write!(formatter, "the text {}", quoted(text)),
            Self::Whole(number) => write!(formatter, "the whole number {number}"),
            Self::Boolean(value) => write!(formatter, "the boolean {value}"),
            Self::Other { written, .. } => write!(formatter, "{kind} ({written})"),
            Self::List(_) | Self::Table(_) => formatter.write_str(kind),
        }
    }
}

impl Table {
    /// A table with nothing in it.
    pub(super) fn standing(standing: Standing) -> Self {
        Self { standing, ..Self::default() }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Node> {
        let index = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(index).1)
    }

    /// Puts the node in the place of the key's old one, or at the end.
    pub(super) fn set(&mut self, key: &str, node: Node) {
        match self.get_mut(key) {
            Some(old) => *old = node,
            None => self.entries.push((key.to_owned(), node)),
        }
    }

    /// The node of this key, which is first made by `make` where there is none.
    pub(super) fn entry(&mut self, key: &str, make: impl FnOnce() -> Node) -> &mut Node {
        let index = self.entries.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
            self.entries.push((key.to_owned(), make()));
            self.entries.len() - 1
        });
        let entry = self.entries.get_mut(index).expect("the index was found or made just now");
        &mut entry.1
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, node)| (key.as_str(), node))
    }

    pub(super) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.entries.iter_mut().map(|(_, node)| node)
    }

    pub(super) fn into_entries(self) -> Vec<(String, Node)> {
        self.entries
    }

    /// Lays a stronger table over this one: tables merge key by key, all else is replaced whole.
    pub(super) fn merge(&mut self, stronger: Self) {
        for (key, node) in stronger.entries {
            let Some(old) = self.get_mut(&key) else {
                self.entries.push((key, node));
                continue;
            };
            // A variable that sets one key of a table is not where that table stands.
            let moves = !node.is_variable();
            match (&mut old.value, node.value) {
                (Value::Table(weaker), Value::Table(stronger)) => {
                    weaker.merge(stronger);
                    if moves {
                        (old.origin, old.rank) = (node.origin, node.rank);
                    }
                }
                (_, value) => *old = Node { value, ..node },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(value: Value, rank: usize) -> Node {
        Node { value, origin: Some(Origin::Default { line: rank }), rank, secret: false, content: None }
    }

    fn table(entries: Vec<(&str, Value)>, rank: usize) -> Table {
        let mut table = Table::default();
        for (key, value) in entries {
            table.set(key, node(value, rank));
        }
        table
    }

    #[test]
    fn tables_merge_key_by_key_and_lists_are_replaced() {
        let list =
            |numbers: &[i128]| Value::List(numbers.iter().map(|&number| node(Value::Whole(number), 0)).collect());
        let weak = table(vec![("x", Value::Whole(1)), ("y", list(&[1, 2]))], 0);
        let strong = table(vec![("z", Value::Whole(3)), ("y", list(&[9]))], 1);
        let mut merged = table(vec![("t", Value::Table(weak))], 0);
        merged.merge(table(vec![("t", Value::Table(strong))], 1));

        let t = merged.get("t").unwrap();
        assert_eq!(t.rank, 1);
        let Value::Table(t) = &t.value else { panic!("not a table") };
        assert_eq!(t.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["x", "y", "z"]);
        assert!(matches!(&t.get("y").unwrap().value, Value::List(list) if list.len() == 1));
    }
}
