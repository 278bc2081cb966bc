//! After all reading: the keys nobody asked for. A key that is misspelt must not be passed over in
//! silence, so each is a mistake that names the nearest key that was asked for.

use super::mistake::{Ledger, Origin};
use super::node::{Node, Standing, Table, Value};
use super::spelling::{joined, quoted};

/// Notes every key of this table, and of those that were read inside it, that nobody asked for.
pub(super) fn check(table: &Table, path: &str, ledger: &mut Ledger) {
    for (key, node) in table.iter() {
        let path = joined(path, key);
        if !table.asked.contains(key) {
            let message = explain(key, table);
            report(node, &path, &message, ledger);
            continue;
        }
        match &node.value {
            Value::Table(inner) if inner.standing == Standing::Opened => check(inner, &path, ledger),
            Value::List(elements) => {
                for (index, element) in elements.iter().enumerate() {
                    match &element.value {
                        Value::Table(inner) if inner.standing == Standing::Opened => {
                            check(inner, &format!("{path}[{index}]"), ledger);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// An unknown table is one mistake, but each variable that reaches into it is one more: it is
/// another thing to be taken away.
fn report(node: &Node, path: &str, message: &str, ledger: &mut Ledger) {
    let mut places = Vec::new();
    if !node.is_variable() {
        places.push((path.to_owned(), node.origin.clone()));
    }
    variables(node, path, &mut places);
    for (path, origin) in places {
        ledger.note(path, origin, message);
    }
}

/// Adds every variable that gave a value here or further in, once.
fn variables(node: &Node, path: &str, places: &mut Vec<(String, Option<Origin>)>) {
    let inside = match &node.value {
        Value::Table(table) => Some(table),
        _ => None,
    };
    for (key, inner) in inside.into_iter().flat_map(Table::iter) {
        variables(inner, &joined(path, key), places);
    }
    let is_value = inside.is_none_or(|table| table.iter().next().is_none());
    let is_new = places.iter().all(|(_, origin)| *origin != node.origin);
    if is_value && is_new && node.is_variable() {
        places.push((path.to_owned(), node.origin.clone()));
    }
}

fn explain(key: &str, table: &Table) -> String {
    const MOST_LISTED: usize = 12;
    let known: Vec<_> = table.asked.iter().map(String::as_str).collect();
    if let Some(nearest) = nearest(key, &known) {
        format!("is not a known key; did you mean {}?", quoted(nearest))
    } else if known.is_empty() || known.len() > MOST_LISTED {
        "is not a known key".to_owned()
    } else {
        format!("is not a known key; known here: {}", known.join(", "))
    }
}

/// The known key with the fewest slips from this one, if a third of it or less is wrong.
fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = |name: &&'a str| (slips(key, name), *name);
    let (slips, name) = known.iter().map(near).min()?;
    (slips <= (name.chars().count() / 3).max(1)).then_some(name)
}

/// How many letters have to be added, dropped or changed: the Levenshtein distance.
fn slips(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, letter) in one.chars().enumerate() {
        // `diagonal` is the row above at the column before, `left` this row at the column before.
        let (mut diagonal, mut left) = (index, index + 1);
        for (above, against) in row.iter_mut().zip(std::iter::once(None).chain(other.chars().map(Some))) {
            let here = match against {
                None => left,
                Some(against) => (diagonal + usize::from(letter != against)).min(left + 1).min(*above + 1),
            };
            diagonal = std::mem::replace(above, here);
            left = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted_as_levenshtein_does() {
        let expected = [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)];
        for (one, other, count) in expected {
            assert_eq!(slips(one, other), count, "{one} {other}");
        }
    }

    #[test]
    fn the_nearest_key_is_offered_only_when_it_is_near() {
        let known = ["max_wait", "per_tenant"];
        assert_eq!(nearest("max-wait", &known), Some("max_wait"));
        assert_eq!(nearest("per_tenants", &known), Some("per_tenant"));
        assert_eq!(nearest("endpoint", &known), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
