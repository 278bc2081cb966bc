//! One table while it is being read. It hands out the tables inside it and notes every mistake
//! with the dotted key; the accessors for values are in `scalars.rs`, `amounts.rs` and
//! `named_files.rs`. `None` from any of them means that a mistake has been noted.

use super::mistake::{Ledger, Origin};
use super::node::{Node, Standing, Table, Value};
use super::source::{Source, SourceKind};
use super::spelling::joined;

/// One table being read: its dotted path, its values, and the list that mistakes go to.
///
/// Every key asked for becomes a known one; those never asked for are reported as unknown by
/// [`Settings::finish`](super::Settings::finish). So ask for all keys first and give up with `?`
/// afterwards, or the keys after the `?` are called unknown too.
pub struct Section<'a> {
    path: String,
    /// Where the table stands, for what is said about keys it lacks.
    origin: Option<Origin>,
    pub(super) table: &'a mut Table,
    pub(super) ledger: &'a mut Ledger,
}

impl<'a> Section<'a> {
    pub(super) fn open(path: String, origin: Option<Origin>, table: &'a mut Table, ledger: &'a mut Ledger) -> Self {
        if table.standing == Standing::Written {
            table.standing = Standing::Opened;
        }
        let origin = origin.filter(Origin::is_editable);
        Self { path, origin, table, ledger }
    }

    /// The table under this key; an empty one where there is none.
    pub fn section(&mut self, key: &str) -> Section<'_> {
        let path = self.key_path(key);
        self.table.asked.insert(key.to_owned());
        let made = |standing| Value::Table(Table::standing(standing));
        let node = self.table.entry(key, || Node {
            value: made(Standing::Implied),
            origin: None,
            rank: 0,
            secret: false,
            content: None,
        });
        if !matches!(node.value, Value::Table(_)) {
            let message = format!("is {}, but a table is wanted", node.value.kind());
            self.ledger.note(path.as_str(), node.origin.clone(), message);
            node.value = made(Standing::Spoiled);
        }
        let Value::Table(table) = &mut node.value else {
            unreachable!("whatever was no table has just been replaced by one")
        };
        Section::open(path, node.origin.clone(), table, self.ledger)
    }

    /// Reads every table of a list of tables, `[[key]]`, and goes on after a mistake so that those
    /// of all elements are found. `None` if any element failed; an absent list is an empty one.
    pub fn each<T>(&mut self, key: &str, mut read: impl FnMut(&mut Section<'_>) -> Option<T>) -> Option<Vec<T>> {
        let path = self.key_path(key);
        self.table.asked.insert(key.to_owned());
        let Some(node) = self.table.get_mut(key) else {
            return Some(Vec::new());
        };
        let Value::List(elements) = &mut node.value else {
            let message = format!("is {}, but a list of tables is wanted: [[{path}]]", node.value.kind());
            self.ledger.note(path, node.origin.clone(), message);
            return None;
        };
        let mut all = Some(Vec::with_capacity(elements.len()));
        for (index, element) in elements.iter_mut().enumerate() {
            let path = format!("{path}[{index}]");
            let origin = element.origin.clone();
            let found = if let Value::Table(table) = &mut element.value {
                read(&mut Section::open(path, origin, table, self.ledger))
            } else {
                let message = format!("is {}, but a table is wanted", element.value.kind());
                self.ledger.note(path, origin, message);
                None
            };
            match (found, &mut all) {
                (Some(found), Some(all)) => all.push(found),
                _ => all = None,
            }
        }
        all
    }

    /// Takes this TOML value for a key that is left out: the default of a key in a list of tables, whose elements the
    /// compiled-in defaults cannot hold. It is printed like any other.
    pub fn assume(&mut self, key: &str, value: &str) {
        let source = Source { kind: SourceKind::Defaults, rank: 0 };
        let value = source.value(value).expect("an assumed value is TOML");
        let origin = self.origin.clone();
        self.table.entry(key, || Node { value, origin, rank: 0, secret: false, content: None });
    }

    /// Whether anything is written under this key. Asking does not make the key a known one.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|node| match &node.value {
            Value::Table(table) => table.standing != Standing::Implied,
            _ => true,
        })
    }

    /// Refuses a key that is known and not carried out, whatever stands under it; the value is not looked at and may
    /// be a secret. `None` where it is written.
    pub fn absent(&mut self, key: &str, message: &str) -> Option<()> {
        self.table.asked.insert(key.to_owned());
        if !self.has(key) {
            return Some(());
        }
        self.note(key, message);
        None
    }

    /// Passes on a value that `vet` lets through, and notes what it says of any other. The message must not hold the
    /// value of a secret.
    pub fn vetted<T, M: Into<String>>(
        &mut self,
        key: &str,
        value: Option<T>,
        vet: impl FnOnce(&T) -> Result<(), M>,
    ) -> Option<T> {
        value.filter(|value| vet(value).map_err(|message| self.reject(key, message)).is_ok())
    }

    /// The full dotted path of a key of this table.
    pub fn key_path(&self, key: &str) -> String {
        joined(&self.path, key)
    }

    /// Notes a mistake about this key, at its value or, where it has none, at the table. The
    /// message must not hold the value of a secret.
    pub fn reject(&mut self, key: &str, message: impl Into<String>) {
        if self.has(key) {
            self.note(key, message);
        } else {
            self.miss(key, message);
        }
    }

    /// Notes a mistake about a value that is there.
    pub(super) fn note(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.table.get(key).and_then(|node| node.origin.clone());
        let origin = origin.or_else(|| self.origin.clone());
        self.ledger.note(self.key_path(key), origin, message);
    }

    /// Notes that something is absent, unless a mistake already noted may be why.
    pub(super) fn miss(&mut self, key: &str, message: impl Into<String>) {
        if !self.ledger.incomplete && self.table.standing != Standing::Spoiled {
            self.ledger.note(self.key_path(key), self.origin.clone(), message);
        }
    }

    /// Reads an optional value with `take`, which may also put it into its proper form.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        take: impl FnOnce(&mut Node) -> Result<T, String>,
    ) -> Option<Option<T>> {
        self.table.asked.insert(key.to_owned());
        match self.table.get_mut(key).map(take) {
            None => Some(None),
            Some(Ok(value)) => Some(Some(value)),
            Some(Err(message)) => {
                self.note(key, message);
                None
            }
        }
    }

    /// Notes the absence of a value that has to be there.
    pub(super) fn require<T>(&mut self, key: &str, found: Option<Option<T>>) -> Option<T> {
        if matches!(found, Some(None)) {
            self.miss(key, "is missing");
        }
        found.flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::super::Settings;

    fn settings(text: &str) -> Settings {
        let mut settings = Settings::new("[d]\n");
        settings.overlay_text(Path::new("f"), text);
        settings
    }

    fn said(settings: &Settings) -> Vec<String> {
        settings.mistakes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_left_out_of_an_element_can_be_assumed_and_is_printed() {
        let mut settings = settings("[[t]]\nname = 'a'\nwait = '5s'\n[[t]]\nname = 'b'\n");
        let waits = settings.root().each("t", |t| {
            t.assume("wait", "\"30s\"");
            let (_, wait) = (t.text("name"), t.duration("wait", Duration::ZERO..=Duration::MAX));
            wait.map(|wait| wait.as_secs())
        });
        assert_eq!(waits, Some(vec![5, 30]));
        settings.root().section("d");
        let printed = settings.finish().unwrap().to_toml();
        assert!(printed.contains("wait = \"5s\"") && printed.contains("wait = \"30s\""), "{printed}");
    }

    #[test]
    fn every_element_is_read_although_an_earlier_one_failed() {
        let mut settings = settings("[[t]]\nn = 1\n[[t]]\n[[t]]\nu = [{ n = 'a' }, { n = '' }]\n");
        let all = settings.root().each("t", |t| {
            let (name, inner) = (t.optional_text("n"), t.each("u", |u| u.text("n")));
            Some((name?, inner?))
        });
        assert_eq!(all, None);
        let expected = [
            "f:2: t[0].n: is the whole number 1, but text in quotes is wanted",
            "f:5: t[2].u[1].n: is empty; give it a value or leave the key out",
        ];
        assert_eq!(said(&settings), expected);
        assert_eq!(settings.root().each("absent", |_| Some(())), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_table_is_said_once_and_its_keys_are_not_missed() {
        let mut settings = settings("a = 3\nb = [1]\n[t]\n");
        assert_eq!(settings.root().section("a").text("x"), None);
        assert_eq!(settings.root().each("b", |_| Some(())), None);
        assert_eq!(settings.root().each("t", |_| Some(())), None);
        let expected = [
            "f:1: a: is a whole number, but a table is wanted",
            "f:2: b[0]: is a whole number, but a table is wanted",
            "f:3: t: is a table, but a list of tables is wanted: [[t]]",
        ];
        assert_eq!(said(&settings), expected);
    }

    #[test]
    fn a_rejection_stands_at_the_value_or_else_at_the_table() {
        let mut settings = settings("[t]\nx = 1\n");
        let mut root = settings.root();
        let mut t = root.section("t");
        t.reject("x", "is odd");
        t.reject("y", "is odd");
        root.section("d").reject("y", "is odd");
        root.section("absent").reject("y", "is odd");
        let expected = ["f:2: t.x: is odd", "f:1: t.y: is odd", "d.y: is odd", "absent.y: is odd"];
        assert_eq!(said(&settings), expected);
    }

    #[test]
    fn a_table_that_was_only_asked_for_is_not_there() {
        let mut settings = settings("[t]\n\"x y\" = 1\n");
        let mut root = settings.root();
        root.section("absent");
        assert_eq!((root.has("t"), root.has("absent")), (true, false));
        assert_eq!(root.section("t").key_path("x y"), "t.\"x y\"");
    }
}
