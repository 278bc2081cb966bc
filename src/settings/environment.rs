//! Turns `SLUICE_…` variables into a tree: `SLUICE_UPSTREAM__ENDPOINT` is `upstream.endpoint`.
//! Values stay text, so that an app's ID of digits is not taken for a number; only what begins with
//! `[` or `{` is read as TOML.

use zeroize::Zeroizing;

use super::mistake::Ledger;
use super::node::{Node, Table, Value};
use super::source::{Source, SourceKind};
use super::spelling::joined;

/// What every variable of the product begins with.
const PREFIX: &str = "SLUICE_";

/// Reads the variables that are meant for the product.
pub(super) fn read(variables: impl Iterator<Item = (String, String)>, rank: usize, ledger: &mut Ledger) -> Table {
    let mut meant: Vec<_> = variables
        .filter_map(|(name, value)| {
            let value = Zeroizing::new(value);
            let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
            let meant = !is_service_link(&key, &value);
            meant.then_some((key, name, value))
        })
        .collect();
    meant.sort_by(|(one, name, _), (other, other_name, _)| (one, name).cmp(&(other, other_name)));

    let mut table = Table::default();
    for (key, name, value) in meant {
        let source = Source { kind: SourceKind::Environment(&name), rank };
        let path = key.split("__").fold(String::new(), |path, level| joined(&path, level));
        let placed = value_of(&source, &value).and_then(|node| place(&mut table, &key, node, &source));
        if let Err(message) = placed {
            ledger.note(path, Some(source.origin(0)), message);
        }
    }
    table
}

fn value_of(source: &Source<'_>, value: &str) -> Result<Node, String> {
    let value = if value.trim_start().starts_with(['[', '{']) {
        source.value(value.trim()).map_err(|fault| {
            format!("what begins with [ or {{ is read as a TOML value, and this is not one: {fault}")
        })?
    } else {
        Value::text(value)
    };
    Ok(source.node(value, 0))
}

/// Puts the value at its place, making the tables on the way.
fn place(mut table: &mut Table, key: &str, node: Node, source: &Source<'_>) -> Result<(), String> {
    let (parents, last) = key.rsplit_once("__").map_or((None, key), |(up, last)| (Some(up), last));
    for level in parents.into_iter().flat_map(|parents| parents.split("__")).chain([last]) {
        if level.is_empty() {
            return Err("the name has an empty level; two underscores stand between levels".into());
        }
        if level.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("one element of a list cannot be overridden; give the whole list as [{…}]".into());
        }
    }
    for level in parents.into_iter().flat_map(|parents| parents.split("__")) {
        let parent = table.entry(level, || source.node(Value::Table(Table::default()), 0));
        let by = parent.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        let Value::Table(inner) = &mut parent.value else {
            return Err(format!("{level} is already given whole by {by}; keep one of the two"));
        };
        table = inner;
    }
    let Some(origin) = table.get(last).and_then(|old| old.origin.as_ref()) else {
        table.set(last, node);
        return Ok(());
    };
    Err(format!("is already given by {origin}; keep one of the two"))
}

/// Kubernetes tells every pod about the Services of its namespace in variables that begin with
/// the Service's name: one called `sluice` yields `SLUICE_SERVICE_HOST`, `SLUICE_PORT_80_TCP` and
/// more. No setting has such a name, and refusing to start over them would help nobody.
fn is_service_link(key: &str, value: &str) -> bool {
    let name = format!("_{key}");
    let port = name.ends_with("_port") && value.contains("://");
    let one_port = name.contains("_port_") && ["_tcp", "_udp", "_sctp"].iter().any(|protocol| name.contains(protocol));
    let service = name.ends_with("_service_host") || name.contains("_service_port");
    !key.contains("__") && (service || port || one_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(variables: &[(&str, &str)]) -> (Table, Vec<String>) {
        let mut ledger = Ledger::default();
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let table = read(owned, 1, &mut ledger);
        (table, ledger.mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn levels_become_tables_and_digits_stay_text() {
        let (table, mistakes) = read_all(&[("SLUICE_A__B_C__D", "007"), ("OTHER", "x")]);
        assert_eq!(mistakes, Vec::<String>::new());
        let Value::Table(a) = &table.get("a").unwrap().value else { panic!("a") };
        let Value::Table(b) = &a.get("b_c").unwrap().value else { panic!("b") };
        assert_eq!(b.get("d").unwrap().value.to_string(), "the text \"007\"");
        assert!(table.get("other").is_none());
    }

    #[test]
    fn an_element_of_a_list_an_empty_level_and_a_clash_are_refused() {
        let (_, mistakes) = read_all(&[
            ("SLUICE_TENANTS__0__ID", "a"),
            ("SLUICE_A____B", "a"),
            ("SLUICE_C", "a"),
            ("SLUICE_C__D", "a"),
            ("SLUICE_E", "a"),
            ("SLUICE_e", "a"),
        ]);
        assert_eq!(mistakes.len(), 4, "{mistakes:#?}");
        assert!(mistakes[0].contains("empty level"));
        assert!(mistakes[1].contains("c is already given whole by environment SLUICE_C;"));
        assert!(mistakes[2].contains("already given by environment SLUICE_E;"));
        assert!(mistakes[3].starts_with("environment SLUICE_TENANTS__0__ID: tenants.0.id: one"));
    }

    #[test]
    fn a_broken_toml_value_is_refused_without_being_shown() {
        let (_, mistakes) = read_all(&[("SLUICE_A", "[hunter2")]);
        assert!(mistakes[0].contains("is read as a TOML value"));
        assert!(!mistakes[0].contains("hunter2"));
    }

    #[test]
    fn the_links_that_kubernetes_sets_are_no_settings() {
        let (table, mistakes) = read_all(&[
            ("SLUICE_SERVICE_HOST", "10.0.0.1"),
            ("SLUICE_SERVICE_PORT_HTTP", "80"),
            ("SLUICE_REDIS_SERVICE_HOST", "10.0.0.2"),
            ("SLUICE_PORT", "tcp://10.0.0.1:80"),
            ("SLUICE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ]);
        assert_eq!((table.iter().count(), mistakes.len()), (0, 0));
    }
}
