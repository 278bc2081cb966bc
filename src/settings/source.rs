//! Turns the text of one source into a tree whose every node knows its line. In: TOML text and
//! the source it came from. Out: a table; the text's syntax faults go to the ledger.

use std::path::Path;

use toml::de::{DeInteger, DeTable, DeValue};

use super::locate::Lines;
use super::mend::{self, LOST};
use super::mistake::{Ledger, Origin};
use super::node::{Node, Table, Value};

/// Where a text came from, and how strong it is: a higher rank overrides a lower one.
pub(super) struct Source<'a> {
    pub(super) kind: SourceKind<'a>,
    pub(super) rank: usize,
}

pub(super) enum SourceKind<'a> {
    Defaults,
    File(&'a Path),
    Environment(&'a str),
}

impl Source<'_> {
    pub(super) fn origin(&self, line: usize) -> Origin {
        match self.kind {
            SourceKind::Defaults => Origin::Default { line },
            SourceKind::File(path) => Origin::File { path: path.to_owned(), line },
            SourceKind::Environment(name) => Origin::Environment { name: name.to_owned() },
        }
    }

    pub(super) fn node(&self, value: Value, line: usize) -> Node {
        Node { value, origin: Some(self.origin(line)), rank: self.rank, secret: false, content: None }
    }

    /// Reads a whole document. Statements with a syntax fault are reported and left out.
    pub(super) fn document(&self, text: &str, ledger: &mut Ledger) -> Table {
        let (text, faults) = mend::mend(text);
        ledger.incomplete |= !faults.is_empty();
        for fault in faults {
            ledger.note(fault.key, Some(self.origin(fault.line)), fault.message);
        }
        let (tree, _) = DeTable::parse_recoverable(&text);
        let mut table = self.table(tree.get_ref(), &Lines::of(&text));
        table.remove(LOST);
        table
    }

    /// Reads one value, as a variable may hold it. The fault never shows the text.
    pub(super) fn value(&self, text: &str) -> Result<Value, String> {
        match DeValue::parse(text) {
            Ok(value) => Ok(self.converted(value.get_ref(), &Lines::of(text))),
            Err(error) => Err(error.message().to_owned()),
        }
    }

    fn table(&self, tree: &DeTable<'_>, lines: &Lines) -> Table {
        // The parser sorts by name; people read in the order of writing.
        let mut entries: Vec<_> = tree.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut table = Table::default();
        for (key, value) in entries {
            let value = self.converted(value.get_ref(), lines);
            table.set(key.get_ref(), self.node(value, lines.number(key.span().start)));
        }
        table
    }

    fn converted(&self, value: &DeValue<'_>, lines: &Lines) -> Value {
        match value {
            DeValue::String(string) => Value::text(string.as_ref()),
            DeValue::Integer(integer) => whole(integer),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Float(float) => Value::Other { kind: "a fraction", written: float.as_str().to_owned() },
            DeValue::Datetime(date) => Value::Other { kind: "a date or time", written: date.to_string() },
            DeValue::Table(table) => Value::Table(self.table(table, lines)),
            DeValue::Array(array) => {
                let element = |element: &toml::Spanned<DeValue<'_>>| {
                    let line = lines.number(element.span().start);
                    self.node(self.converted(element.get_ref(), lines), line)
                };
                Value::List(array.iter().map(element).collect())
            }
        }
    }
}

fn whole(integer: &DeInteger<'_>) -> Value {
    match i128::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(number) => Value::Whole(number),
        Err(_) => Value::Other { kind: "a number too large", written: integer.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Table {
        let source = Source { kind: SourceKind::Defaults, rank: 0 };
        let mut ledger = Ledger::default();
        let table = source.document(text, &mut ledger);
        assert_eq!(ledger.mistakes, []);
        table
    }

    fn lines(table: &Table, path: &str, found: &mut Vec<String>) {
        for (key, node) in table.iter() {
            let path = super::super::spelling::joined(path, key);
            let Some(Origin::Default { line }) = node.origin else { panic!("{path}") };
            found.push(format!("{path}:{line}"));
            if let Value::Table(table) = &node.value {
                lines(table, &path, found);
            }
        }
    }

    #[test]
    fn every_form_of_toml_keeps_its_order_and_its_lines() {
        let text = "z.y = 1\r\nz.a = { c = 1, b = 2 }\r\n\r\n[t]\r\n'k k' = '''\r\n'''\r\n[u.v]\r\nw = 0x10\r\n";
        let mut found = Vec::new();
        lines(&read(text), "", &mut found);
        let expected = ["z:1", "z.y:1", "z.a:2", "z.a.c:2", "z.a.b:2", "t:4", "t.\"k k\":5", "u:7", "u.v:7", "u.v.w:8"];
        assert_eq!(found, expected);
    }

    #[test]
    fn numbers_are_read_in_every_base() {
        let table = read("a = 0xff\nb = 1_000\nc = -3\nd = 99999999999999999999999999999999999999999\n");
        let values: Vec<_> = table.iter().map(|(_, node)| node.value.to_string()).collect();
        assert_eq!(values[0], "the whole number 255");
        assert_eq!(values[1], "the whole number 1000");
        assert_eq!(values[2], "the whole number -3");
        assert!(values[3].starts_with("a number too large"));
    }
}
