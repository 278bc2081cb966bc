//! Finds every syntax fault of a text, not only the first. The parser stops at some faults and
//! stumbles on after others, so the earliest one is noted, its statement is blanked with the line
//! count kept, and the rest is parsed again until nothing is left to complain of.

use std::borrow::Cow;

use toml::de::DeTable;
use zeroize::Zeroizing;

use super::locate::{Lines, statement_at, table_at};
use super::spelling::written_key;

/// One syntax fault.
pub(super) struct Fault {
    pub(super) line: usize,
    /// The dotted key whose value is at fault or else that of the table around it; may be empty.
    pub(super) key: String,
    pub(super) message: String,
}

/// Takes the place of a header that cannot be read, so that the keys below it do not fall into the
/// table above. Tables of this name are not settings.
pub(super) const LOST: &str = "\u{1}lost";

/// What the parser says of a key that stands in one table twice.
const TWICE: &str = "duplicate key";

/// Nobody mends more than this in one go.
const MOST: usize = 100;

/// The text without its faulty statements, which parses cleanly, and what was wrong with them.
pub(super) fn mend(text: &str) -> (Cow<'_, str>, Vec<Fault>) {
    let mut mended = Cow::Borrowed(text);
    let mut faults = Vec::new();
    while faults.len() < MOST {
        let (tree, errors) = DeTable::parse_recoverable(&mended);
        let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
        let Some(first) = errors.iter().min_by_key(|error| start(error)) else {
            break;
        };
        let at = start(first);
        let (mut fault, next) = set_aside(&mended, tree.get_ref(), at, first, faults.len());
        if fault.key.starts_with(&written_key(LOST)) {
            // Below a header that could not be read, nobody knows where it belongs.
            fault.key.clear();
        }
        faults.push(fault);
        match next {
            Some(next) => drop(wiped(std::mem::replace(&mut mended, Cow::Owned(next)))),
            None => break,
        }
    }
    if !DeTable::parse_recoverable(&mended).1.is_empty() {
        // Too far gone: what was found is told, and nothing of the text is guessed at.
        drop(wiped(std::mem::replace(&mut mended, Cow::Owned("\n".repeat(text.matches('\n').count())))));
    }
    (mended, faults)
}

/// A text of our own that is not needed any more and may hold secrets.
fn wiped(text: Cow<'_, str>) -> Option<Zeroizing<String>> {
    if let Cow::Owned(text) = text { Some(Zeroizing::new(text)) } else { None }
}

/// Describes the fault at this byte and blanks its statement; `None` where nothing can be blanked.
fn set_aside(
    text: &str,
    tree: &DeTable<'_>,
    at: usize,
    error: &toml::de::Error,
    count: usize,
) -> (Fault, Option<String>) {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let numbers = Lines::of(text);
    let line = numbers.number(at);
    let Some(statement) = statement_at(tree, at, "") else {
        let here = lines.get(line - 1).map_or("", |here| here.trim());
        let lost = format!("[{}.{count}]", written_key(LOST));
        let (key, instead) = match header(here) {
            Some(table) => (table.to_owned(), lost.as_str()),
            None if here.starts_with('[') => (String::new(), lost.as_str()),
            None if error.message() == TWICE => (key_at(&lines, line, here), ""),
            None => (table_at(&lines, line), ""),
        };
        let message = explained(error.message(), "");
        let before = lines.splice(line - 1..line, [instead]).next();
        let changed = before.is_some_and(|before| before != instead);
        return (Fault { line, key, message }, changed.then(|| lines.join("\n")));
    };

    let first = numbers.number(statement.bytes.start);
    let last = numbers.number(statement.bytes.end.max(at)).min(lines.len());
    // A value that was never closed swallows what follows it; that is given back.
    let begins = |line: &usize| lines.get(line - 1).is_some_and(|text| begins_statement(text, statement.is_table));
    let next = (first + 1..=last).find(begins);
    let (line, message) = match next {
        Some(next) if next <= line => (first, format!("this value is not closed before line {next}")),
        _ => {
            let name = error.span().and_then(|span| text.get(span)).unwrap_or_default();
            (line, explained(error.message(), name))
        }
    };
    let last = next.map_or(last, |next| next - 1);
    for blank in lines.iter_mut().take(last).skip(first - 1) {
        *blank = "";
    }
    (Fault { line, key: statement.key, message }, Some(lines.join("\n")))
}

/// The dotted path of the key that this line assigns to.
fn key_at(lines: &[&str], line: usize, here: &str) -> String {
    let (table, key) = (table_at(lines, line), here.split('=').next().unwrap_or_default().trim());
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// What stands between the brackets of a line that is a header.
fn header(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or_default();
    let inner = line.trim().strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(inner);
    is_name(inner).then_some(inner)
}

fn is_name(text: &str) -> bool {
    let plain = |character: char| character.is_alphanumeric() || "_-.\"' ".contains(character);
    !text.trim().is_empty() && text.chars().all(plain)
}

/// Whether a line looks like a header or, except inside an inline table, like `key = …`.
fn begins_statement(line: &str, in_table: bool) -> bool {
    header(line).is_some() || (!in_table && line.split_once('=').is_some_and(|(key, _)| is_name(key)))
}

/// The parser's message in plainer words. `name` is the key inside the reported one that stands
/// twice, if it is not that one itself. No value is ever quoted.
fn explained(message: &str, name: &str) -> String {
    let unreadable = ["string values must be quoted", "invalid float", "invalid integer"];
    if message == TWICE {
        format!("{name} is given twice").trim_start().to_owned()
    } else if unreadable.iter().any(|start| message.starts_with(start)) {
        "this value cannot be read; text must stand in quotes".to_owned()
    } else {
        format!("not valid TOML: {message}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(usize, String, String)> {
        let (mended, faults) = mend(text);
        assert!(DeTable::parse(&mended).is_ok(), "{mended}");
        faults.into_iter().map(|fault| (fault.line, fault.key, fault.message)).collect()
    }

    fn places(text: &str) -> Vec<(usize, String)> {
        faults(text).into_iter().map(|(line, key, _)| (line, key)).collect()
    }

    #[test]
    fn a_text_that_cannot_be_mended_is_left_out_with_its_faults_told() {
        let (mended, faults) = mend("a = [1\n[\"\\u0001lost\".99]\na]\n[a]\n");
        assert_eq!(mended, "\n\n\n\n");
        assert!(!faults.is_empty());
    }

    #[test]
    fn a_sound_text_is_left_alone() {
        let text = "a = 1\n[b]\nc = [\n 1,\n]\n";
        assert!(matches!(mend(text), (Cow::Borrowed(same), faults) if same == text && faults.is_empty()));
    }

    #[test]
    fn every_fault_of_a_text_is_found_with_its_key() {
        let text = "[q]\nmax wait = 3\nfoo bar\nz = yes\nt = 10s\nlisten = 0.0.0.0:80\nu = 1\nv =\n";
        let found = places(text);
        let lines: Vec<_> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6, 8]);
        assert_eq!(found[4].1, "q.listen");
    }

    #[test]
    fn a_key_given_twice_is_reported_at_its_second_line() {
        let expected = (3, "a.b".to_owned(), "is given twice".to_owned());
        assert_eq!(faults("[a]\nb = 1\nb = 2\nc = 3\n"), [expected]);
        assert_eq!(places("[a]\nb = 1\n[a]\nb = 2\n"), [(3, "a".to_owned())]);
        assert_eq!(
            faults("[[a]]\n[[a]]\nb.c = 1\nb.c = 2\n"),
            [(4, "a[1].b.c".to_owned(), "is given twice".to_owned())]
        );
        assert_eq!(
            faults("a = [{},\n{ b = { c = 1, c = 2 } }]\n"),
            [(2, "a".to_owned(), "c is given twice".to_owned())]
        );
    }

    #[test]
    fn an_unclosed_list_does_not_hide_what_follows() {
        let expected = (1, "w".to_owned(), "this value is not closed before line 2".to_owned());
        assert_eq!(faults("w = [1, 2\n[r]\nk = 1\n"), [expected]);
        assert_eq!(places("w = [1, 2\nk = 1\n"), [(1, "w".to_owned())]);
        assert_eq!(places("w = '''x\ny\nk = 1\n"), [(1, "w".to_owned())]);
    }

    #[test]
    fn a_fault_deep_in_a_value_is_one_fault() {
        assert_eq!(places("x = [\n  [1 2],\n]\ny = 1\n"), [(2, "x".to_owned())]);
        assert_eq!(places("x = {\n  a = 1,\n  b = 2 3\n}\n"), [(3, "x".to_owned())]);
    }

    #[test]
    fn the_keys_below_a_broken_header_do_not_fall_into_the_table_above() {
        let text = "[a]\nx = 1\n[b\nx = 2\n[[c]\nx = 3\n";
        assert_eq!(places(text), [(3, String::new()), (5, String::new())]);
    }

    #[test]
    fn mending_always_ends() {
        for text in ["]", "[", "[[", "=", "a", "a =", "a = [", "a = {", "\"", "'''", "[a\n", "\u{0}"] {
            assert!(!mend(text).1.is_empty(), "{text:?}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]
        /// Pieces that make statements, sound and broken, in every order.
        #[test]
        fn whatever_is_mended_parses_and_keeps_its_lines(
            pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40),
        ) {
            let text = pieces.concat();
            let (mended, faults) = mend(&text);
            proptest::prop_assert_eq!(faults.is_empty(), DeTable::parse(&text).is_ok());
            proptest::prop_assert!(DeTable::parse(&mended).is_ok(), "{:?}", mended);
            proptest::prop_assert_eq!(mended.matches('\n').count(), text.matches('\n').count());
        }
    }

    const PIECES: &[&str] = &[
        "a",
        "b",
        ".",
        "=",
        "1",
        " ",
        "\n",
        "\n",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "'''",
        "\"\"\"",
        "#",
        "é",
        "\r",
        "a = ",
        "b = 2\n",
        "\n[a]\n",
        "\n[[b]]\n",
        "\n[a.b]\n",
        "\\",
    ];
}
