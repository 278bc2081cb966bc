//! A list kept in a file of its own, such as the tenants: named by one key, read as if it stood
//! where it is named, with its mistakes reported against its own lines.

use std::path::Path;

use zeroize::Zeroizing;

use super::Settings;
use super::mistake::Origin;
use super::source::{Source, SourceKind};
use super::spelling::written_key;

impl Settings {
    /// Reads the list `table` from the file that the top-level `key` names, as if it stood in the
    /// naming file. To be called after all sources and before reading. Where the list is written
    /// in a source too, other than as a default, that is a mistake.
    pub fn include(&mut self, key: &str, table: &str) {
        let Some(Some(path)) = self.root().path(key) else {
            return;
        };
        let Some(named) = self.root.get(key) else {
            return;
        };
        let (origin, rank) = (named.origin.clone(), named.rank);
        if let Some(written) = self.root.get(table).filter(|written| written.rank > 0) {
            let place = written.origin.as_ref().map(ToString::to_string).unwrap_or_default();
            let message = format!("stands beside {table} at {place}; keep one of the two");
            self.ledger.note(key, origin, message);
            return;
        }
        let text = match self.contents(&path) {
            Ok(text) => text,
            Err((None, message)) => return self.ledger.note(key, origin, message),
            Err((inside, message)) => return self.ledger.note("", inside, message),
        };
        let source = Source { kind: SourceKind::File(&path), rank };
        let mut found = None;
        for (name, node) in source.document(&text, &mut self.ledger).into_entries() {
            if name == table {
                found = Some(node);
            } else {
                let message = format!("is not known here; this file holds nothing but {table}");
                self.ledger.note(written_key(&name), node.origin, message);
            }
        }
        // The print shows the list itself and could not be read back with both.
        self.root.remove(key);
        match found {
            Some(node) => self.root.set(table, node),
            None if self.ledger.incomplete => {}
            None => self.ledger.note(key, origin, format!("{} holds no {table}", path.display())),
        }
    }

    /// The text of a configuration file, or where the fault is, if it is inside, and what it is.
    pub(super) fn contents(&mut self, path: &Path) -> Result<Zeroizing<String>, (Option<Origin>, String)> {
        let fault = match self.ledger.read(path) {
            Err(fault) => (None, format!("{} cannot be read: {fault}", path.display())),
            Ok(bytes) => match str::from_utf8(&bytes) {
                Ok(text) => return Ok(Zeroizing::new(text.to_owned())),
                Err(fault) => {
                    let sound = bytes.iter().take(fault.valid_up_to());
                    let line = 1 + sound.filter(|&&byte| byte == b'\n').count();
                    let origin = Origin::File { path: path.to_owned(), line };
                    (Some(origin), "this line is not UTF-8 text".to_owned())
                }
            },
        };
        self.ledger.incomplete = true;
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said about tenants kept in their own file, and the ids that were read.
    fn read(main: &str, tenants: &str) -> (Vec<String>, Option<Vec<String>>) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("tenants.toml"), tenants).unwrap();
        let mut settings = Settings::new("tenants = []");
        settings.overlay_text(&directory.path().join("sluice.toml"), main);
        settings.include("tenants_file", "tenants");
        let ids = settings.root().each("tenants", |tenant| tenant.text("id"));
        let place = format!("{}/", directory.path().display());
        let printed = settings.finish().err().map(|mistakes| mistakes.to_string().replace(&place, ""));
        (printed.unwrap_or_default().lines().map(str::to_owned).collect(), ids)
    }

    #[test]
    fn the_list_is_read_as_if_it_stood_in_the_naming_file() {
        let (said, ids) = read("tenants_file = 'tenants.toml'", "[[tenants]]\nid = 'a'\n");
        assert_eq!((said, ids), (Vec::new(), Some(vec!["a".to_owned()])));
        let (said, ids) = read("[[tenants]]\nid = 'b'\n", "");
        assert_eq!((said, ids), (Vec::new(), Some(vec!["b".to_owned()])));
    }

    #[test]
    fn mistakes_are_reported_against_the_file_itself() {
        let (said, _) = read("tenants_file = 'tenants.toml'", "x = 1\n[[tenants]]\nid = 1\nidd = 'a'\n");
        let expected = [
            "tenants.toml:1: x: is not known here; this file holds nothing but tenants",
            "tenants.toml:3: tenants[0].id: is the whole number 1, but text in quotes is wanted",
            "tenants.toml:4: tenants[0].idd: is not a known key; did you mean \"id\"?",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_list_in_both_places_in_neither_or_in_no_file_is_a_mistake() {
        let (said, _) = read("tenants_file = 'tenants.toml'\n[[tenants]]\nid = 'a'\n", "");
        assert_eq!(said, ["sluice.toml:1: tenants_file: stands beside tenants at sluice.toml:2; keep one of the two"]);
        let (said, _) = read("tenants_file = 'tenants.toml'", "");
        assert_eq!(said, ["sluice.toml:1: tenants_file: tenants.toml holds no tenants"]);
        let (said, _) = read("tenants_file = 'nowhere'", "");
        assert_eq!(said, ["sluice.toml:1: tenants_file: nowhere cannot be read: there is no such file"]);
    }
}
