//! Prints the merged settings as TOML that reads well and, but for the secrets, can be read back:
//! in each table first the plain keys, then the tables, then the lists of tables.

use std::fmt;

use super::changes::{Change, Inventory};
use super::node::{Node, Standing, Table, Value};
use super::seen::Seen;
use super::spelling::{joined, written_key, written_text};

/// A line longer than this is broken up.
const WIDTH: usize = 100;

/// What stands for a secret.
pub(super) const HIDDEN: &str = "***";

/// Settings that were read without a mistake.
pub struct Resolved {
    root: Table,
    files: Vec<Seen>,
    inventory: Inventory,
}

/// How a value is laid out in its table.
enum Layout {
    Line,
    Table,
    Tables,
}

impl Resolved {
    pub(super) fn new(mut root: Table, files: Vec<Seen>) -> Self {
        let inventory = Inventory::of(&root);
        redact(&mut root);
        Self { root, files, inventory }
    }

    /// All settings as TOML text, with `***` for every secret.
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        write_table(&mut out, "", &self.root);
        out
    }

    /// What another reading has different, by key.
    pub fn changes(&self, after: &Self) -> Vec<Change> {
        self.inventory.changes(&after.inventory)
    }

    /// What is in force once of a newer reading only those keys were applied that `applies` at once.
    pub fn overlaid(&self, newer: Self, applies: impl Fn(&str) -> bool) -> Self {
        Self { inventory: self.inventory.overlaid(newer.inventory, applies), ..newer }
    }

    /// Every file that was read, for whoever watches them for changes.
    pub fn files(&self) -> &[Seen] {
        &self.files
    }
}

impl fmt::Display for Resolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_toml())
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resolved").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Replaces every value that was read as a secret, so that the tree no longer holds it.
fn redact(table: &mut Table) {
    for node in table.nodes_mut() {
        if node.secret {
            node.value = Value::text(HIDDEN);
        }
        match &mut node.value {
            Value::Table(inner) => redact(inner),
            Value::List(elements) => {
                for element in elements {
                    if let Value::Table(inner) = &mut element.value {
                        redact(inner);
                    }
                }
            }
            _ => {}
        }
    }
}

fn write_table(out: &mut String, path: &str, table: &Table) {
    let top = path.is_empty();
    let mut below = Vec::new();
    for (key, node) in table.iter() {
        match layout(node, top) {
            Layout::Line => out.extend([&written_key(key), " = ", &broken(key, node), "\n"]),
            _ => below.push((joined(path, key), node)),
        }
    }
    for (path, node) in &below {
        if let Value::Table(inner) = &node.value {
            write_headed(out, &format!("[{path}]"), path, inner);
        }
    }
    for (path, node) in &below {
        let Value::List(elements) = &node.value else {
            continue;
        };
        for element in elements {
            if let Value::Table(inner) = &element.value {
                write_headed(out, &format!("[[{path}]]"), path, inner);
            }
        }
    }
}

fn write_headed(out: &mut String, header: &str, path: &str, table: &Table) {
    if table.standing == Standing::Implied {
        return;
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(header);
    out.push('\n');
    write_table(out, path, table);
}

/// At the top every table has a header. Further in, small tables of plain values stay on their
/// line, as people write them.
fn layout(node: &Node, top: bool) -> Layout {
    match &node.value {
        Value::Table(inner) if top || inner.standing == Standing::Implied || !is_small(node) => Layout::Table,
        Value::List(elements) if !elements.is_empty() => {
            let tables = elements.iter().all(|element| matches!(element.value, Value::Table(_)));
            if tables && (top || !elements.iter().all(is_small)) { Layout::Tables } else { Layout::Line }
        }
        _ => Layout::Line,
    }
}

fn is_small(node: &Node) -> bool {
    let Value::Table(table) = &node.value else {
        return true;
    };
    let plain = |node: &Node| !matches!(node.value, Value::Table(_));
    table.iter().all(|(_, node)| plain(node)) && inline(&node.value).chars().count() <= WIDTH
}

/// The value on one line or, where it is a list and too long for that, one element to a line.
fn broken(key: &str, node: &Node) -> String {
    let line = inline(&node.value);
    match &node.value {
        Value::List(elements) if key.len() + line.chars().count() > WIDTH => {
            let indented = |element: &Node| ["  ".to_owned(), inline(&element.value), ",\n".to_owned()];
            let lines: String = elements.iter().flat_map(indented).collect();
            format!("[\n{lines}]")
        }
        _ => line,
    }
}

/// The value on one line.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::Text(text) => written_text(text),
        Value::Whole(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Other { written, .. } => written.clone(),
        Value::List(elements) => {
            let elements: Vec<_> = elements.iter().map(|element| inline(&element.value)).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Table(table) => {
            let entry = |(key, node): (&str, &Node)| format!("{} = {}", written_key(key), inline(&node.value));
            let entries: Vec<_> = table.iter().map(entry).collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Settings;
    use super::*;

    /// Reads a little of everything, so that what was not in the sources is asked for too.
    fn resolved(defaults: &str, file: &str) -> Resolved {
        let mut settings = Settings::new(defaults);
        settings.overlay_text(Path::new("sluice.toml"), file);
        let mut root = settings.root();
        root.optional_text("title");
        root.texts("names");
        root.section("absent").optional_text("x");
        let mut upstream = root.section("upstream");
        upstream.optional_text("endpoint");
        upstream.secret("key");
        upstream.section("names").optional_text("a");
        root.each("tenants", |tenant| {
            tenant.text("id");
            tenant.secret("token");
            tenant.each("apps", |app| app.text("name"))
        });
        settings.finish().unwrap()
    }

    const FILE: &str = r#"tenants = [{ id = "a", token = "s3cret", apps = [{ name = "x" }, { name = "y" }] }, { id = "b" }]
title = "a \"b\"\u0001\n"
[upstream]
key = "hunter2"
names.a = "b c"
"#;

    #[test]
    fn the_print_reads_well_and_hides_every_secret() {
        let printed = resolved("[upstream]\nendpoint = \"e\"\n[absent]\n", FILE).to_string();
        let expected = r#"title = "a \"b\"\u0001\n"

[upstream]
endpoint = "e"
key = "***"
names = { a = "b c" }

[absent]

[[tenants]]
id = "a"
token = "***"
apps = [{ name = "x" }, { name = "y" }]

[[tenants]]
id = "b"
"#;
        assert_eq!(printed, expected);
    }

    #[test]
    fn the_print_can_be_read_back() {
        let once = resolved("", FILE).to_toml();
        assert_eq!(resolved("", &once).to_toml(), once);
    }

    #[test]
    fn a_long_list_is_broken_into_lines() {
        let name = "n".repeat(60);
        let printed = resolved("", &format!("names = [\"{name}\", \"{name}\"]")).to_toml();
        assert_eq!(printed, format!("names = [\n  \"{name}\",\n  \"{name}\",\n]\n"));
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(format!("{:?}", resolved("", FILE)), "Resolved { files: [], .. }");
    }
}
