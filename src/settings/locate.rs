//! Finds places in a TOML text: the line of a byte, the statement around it, the table a line
//! belongs to.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::spelling::joined;

/// Where the lines of a text begin.
pub(super) struct Lines(Vec<usize>);

/// One `key = value`.
pub(super) struct Statement {
    /// The dotted path of the key.
    pub(super) key: String,
    /// From the key to the end of the value.
    pub(super) bytes: Range<usize>,
    /// The value is an inline table.
    pub(super) is_table: bool,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(end, _)| end + 1).collect())
    }

    /// The line of this byte, counted from 1.
    pub(super) fn number(&self, at: usize) -> usize {
        1 + self.0.partition_point(|&begin| begin <= at)
    }
}

/// The outermost `key = value` around this byte.
pub(super) fn statement_at(table: &DeTable<'_>, at: usize, path: &str) -> Option<Statement> {
    table.iter().find_map(|(key, value)| {
        let path = joined(path, key.get_ref());
        let (name, whole) = (key.span(), value.span());
        // The span of a `[table]` is that of its header, which begins before the name in it; an
        // implied table has the name's own span. Both are looked into, not taken.
        let is_statement = name.end <= whole.start;
        if is_statement && (name.start..=whole.end).contains(&at) {
            let is_table = value.get_ref().is_table();
            return Some(Statement { key: path, bytes: name.start..whole.end, is_table });
        }
        match value.get_ref() {
            DeValue::Table(table) => statement_at(table, at, &path),
            DeValue::Array(array) if !is_statement => array.iter().enumerate().find_map(|(index, element)| {
                let table = element.get_ref().as_table()?;
                statement_at(table, at, &format!("{path}[{index}]"))
            }),
            _ => None,
        }
    })
}

/// The dotted path of the table that a statement on this line, counted from 1, would belong to.
pub(super) fn table_at(lines: &[&str], line: usize) -> String {
    const HERE: &str = "\u{1}here";
    let mut above: String = lines.iter().take(line - 1).flat_map(|line| [*line, "\n"]).collect();
    above.push_str("\"\\u0001here\" = 1\n");
    let (tree, _) = DeTable::parse_recoverable(&above);
    path_of(tree.get_ref(), HERE, "").unwrap_or_default()
}

/// The dotted path of the table that holds this key.
fn path_of(table: &DeTable<'_>, key: &str, path: &str) -> Option<String> {
    if table.contains_key(key) {
        return Some(path.to_owned());
    }
    table.iter().find_map(|(name, value)| {
        let path = joined(path, name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => path_of(inner, key, &path),
            DeValue::Array(array) => array
                .iter()
                .enumerate()
                .find_map(|(index, element)| path_of(element.get_ref().as_table()?, key, &format!("{path}[{index}]"))),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_on_the_line_that_its_newline_ends() {
        let lines = Lines::of("ab\n\nc");
        let numbers: Vec<_> = (0..6).map(|at| lines.number(at)).collect();
        assert_eq!(numbers, [1, 1, 1, 2, 3, 3]);
    }

    #[test]
    fn the_table_of_a_line_is_told_with_its_indices() {
        let lines = ["x = 1", "[a.b]", "y = 1", "[[t]]", "[[t]]", "[[t.u]]", "z"];
        assert_eq!(table_at(&lines, 1), "");
        assert_eq!(table_at(&lines, 3), "a.b");
        assert_eq!(table_at(&lines, 7), "t[1].u[0]");
    }

    #[test]
    fn a_statement_is_found_from_any_byte_of_it() {
        let text = "[a]\nb = [\n{ c = 1 },\n]\nd.e = 2\n";
        let tree = DeTable::parse(text).unwrap();
        let at = |needle: &str| statement_at(tree.get_ref(), text.find(needle).unwrap(), "").map(|found| found.key);
        assert_eq!(at("c ="), Some("a.b".to_owned()));
        assert_eq!(at("2"), Some("a.d.e".to_owned()));
        assert_eq!(at("[a]"), None);
    }
}
