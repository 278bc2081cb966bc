//! The accessors for what stands outside the configuration: paths, files and secrets. A relative
//! path starts from the directory of the file that names it. What a file or a secret holds is
//! wiped when dropped and printed nowhere.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::changes::hash;
use super::mistake::Origin;
use super::node::{Node, Value};
use super::scalars::text_of;
use super::section::Section;

/// No key, certificate or configuration is larger; a path that names a device would never end.
const LARGEST: u64 = 16 << 20;

/// A file that a setting names, with what it held when it was read.
pub struct ConfiguredFile {
    path: PathBuf,
    bytes: Zeroizing<Vec<u8>>,
}

impl ConfiguredFile {
    /// The resolved path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content, which may be a secret.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for ConfiguredFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConfiguredFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Section<'_> {
    /// A path, resolved but not opened.
    pub fn path(&mut self, key: &str) -> Option<Option<PathBuf>> {
        self.take(key, |node| {
            let directory = node.origin.as_ref().map(Origin::directory);
            Ok(directory.unwrap_or(Path::new("")).join(text_of(node)?))
        })
    }

    /// The path and the content of the file that this key names.
    pub fn file(&mut self, key: &str) -> Option<Option<ConfiguredFile>> {
        let Some(path) = self.path(key)? else {
            return Some(None);
        };
        match self.ledger.read(&path) {
            Ok(bytes) => {
                if let Some(node) = self.table.get_mut(key) {
                    node.content = Some(hash(&bytes));
                }
                Some(Some(ConfiguredFile { path, bytes }))
            }
            Err(fault) => {
                self.note(key, format!("{} cannot be read: {fault}", path.display()));
                None
            }
        }
    }

    /// A secret, given as `key` itself or, in a file of its own, as `key_file`. Of two that come
    /// from different sources the stronger wins; two in one source are a mistake. Newlines at the
    /// end of the file are dropped.
    pub fn secret(&mut self, key: &str) -> Option<Option<SecretString>> {
        let twin = format!("{key}_file");
        self.table.asked.extend([key.to_owned(), twin.clone()]);
        let rank = |key: &str| self.table.get(key).map(|node| node.rank);
        match (rank(key), rank(&twin)) {
            (Some(literal), Some(file)) if literal == file => {
                self.note(&twin, format!("stands beside {key}; keep one of the two"));
                return None;
            }
            (Some(literal), Some(file)) => {
                self.table.remove(if literal > file { twin.as_str() } else { key });
            }
            _ => {}
        }
        if self.has(&twin) { self.secret_file(&twin) } else { self.take(key, literal_secret) }
    }

    fn secret_file(&mut self, key: &str) -> Option<Option<SecretString>> {
        let Some(file) = self.file(key)? else {
            return Some(None);
        };
        let found = match str::from_utf8(file.bytes()) {
            Err(_) => Err("holds bytes that are not text"),
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => Err("is empty"),
                secret => Ok(SecretString::from(secret)),
            },
        };
        match found {
            Ok(secret) => Some(Some(secret)),
            Err(fault) => {
                self.note(key, format!("{} {fault}", file.path().display()));
                None
            }
        }
    }
}

/// Names the kind of what was found and never the value, which may be the secret misspelt.
fn literal_secret(node: &mut Node) -> Result<SecretString, String> {
    node.secret = true;
    match &node.value {
        Value::Text(text) if text.trim().is_empty() => Err("is empty; give it a value or leave the key out".to_owned()),
        Value::Text(text) => Ok(SecretString::from(text.as_str())),
        other => Err(format!("is {}, but text in quotes is wanted", other.kind())),
    }
}

/// The whole file; the fault completes "cannot be read: …".
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let file = File::open(path).map_err(|fault| said(&fault))?;
    let length = file.metadata().map_or(0, |metadata| metadata.len()).min(LARGEST);
    // Room for everything at once, and for the one byte that shows there is more: growing would
    // leave unwiped copies behind.
    let room = usize::try_from(length).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    read_to_end(&mut file.take(LARGEST + 1), &mut bytes).map_err(|fault| said(&fault))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= LARGEST) {
        Ok(bytes)
    } else {
        Err("it is larger than 16 MiB".to_owned())
    }
}

/// Reads into the room there is: the library's own reader puts the first bytes on the stack, where they stay. Where a file
/// grows while it is read, what is outgrown is wiped.
fn read_to_end(file: &mut impl Read, bytes: &mut Zeroizing<Vec<u8>>) -> std::io::Result<()> {
    let mut length = 0;
    loop {
        if length == bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity(bytes.capacity().max(2 * length)));
            larger.extend_from_slice(bytes);
            let room = larger.capacity();
            larger.resize(room, 0);
            *bytes = larger;
        }
        match file.read(bytes.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
            Err(fault) => return Err(fault),
        }
    }
    bytes.truncate(length);
    Ok(())
}

fn said(fault: &std::io::Error) -> String {
    match fault.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => fault.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::super::{Seen, Settings};
    use super::*;

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("key"), "from the file\r\n\n").unwrap();
        std::fs::write(directory.path().join("empty"), "\n").unwrap();
        std::fs::write(directory.path().join("binary"), [0xff, 0xfe]).unwrap();
        directory
    }

    fn settings(directory: &tempfile::TempDir, text: &str) -> Settings {
        let mut settings = Settings::new("");
        settings.overlay_text(&directory.path().join("f"), text);
        settings
    }

    fn secret(settings: &mut Settings, key: &str) -> Option<Option<String>> {
        let found = settings.root().secret(key)?;
        Some(found.map(|secret| secret.expose_secret().to_owned()))
    }

    #[test]
    fn a_secret_is_literal_or_in_a_file_beside_the_one_that_names_it() {
        let directory = directory();
        let mut settings = settings(&directory, "a = 'literal'\nb_file = 'key'\n");
        assert_eq!(secret(&mut settings, "a"), Some(Some("literal".to_owned())));
        assert_eq!(secret(&mut settings, "b"), Some(Some("from the file".to_owned())));
        assert_eq!(secret(&mut settings, "c"), Some(None));
        let resolved = settings.finish().unwrap();
        assert_eq!(resolved.to_toml(), "a = \"***\"\nb_file = \"key\"\n");
        let files: Vec<_> = resolved.files().iter().map(Seen::path).collect();
        assert_eq!(files, [directory.path().join("key")]);
    }

    #[test]
    fn of_two_spellings_the_stronger_source_wins_and_equals_clash() {
        let directory = directory();
        let mut clash = settings(&directory, "a = 'x'\na_file = 'key'\n");
        assert_eq!(secret(&mut clash, "a"), None);
        assert!(clash.mistakes().iter().any(|mistake| mistake.key == "a_file"));

        let mut settings = settings(&directory, "a_file = 'nowhere'\n[s]\nb = 'weak'\n");
        settings.overlay_text(&directory.path().join("g"), "s.b_file = 'key'\n");
        settings.environment([("SLUICE_A".to_owned(), "strong".to_owned())].into_iter());
        assert_eq!(secret(&mut settings, "a"), Some(Some("strong".to_owned())));
        assert!(settings.root().section("s").secret("b").is_some_and(|found| found.is_some()));
        assert_eq!(settings.finish().unwrap().to_toml(), "a = \"***\"\n\n[s]\nb_file = \"key\"\n");
    }

    #[test]
    fn no_mistake_about_a_secret_shows_it() {
        let directory = directory();
        let text = "a = 271828\nb = ''\nc_file = 'empty'\nd_file = 'binary'\ne_file = 'nowhere'\nf = [314159]\n";
        let mut settings = settings(&directory, text);
        for key in ["a", "b", "c", "d", "e", "f"] {
            assert_eq!(secret(&mut settings, key), None, "{key}");
        }
        let debug = format!("{settings:?}");
        let printed = format!("{debug}{}", settings.finish().unwrap_err());
        assert!(!printed.contains("271828") && !printed.contains("314159"), "{printed}");
        assert!(printed.contains("nowhere cannot be read: there is no such file"), "{printed}");
        assert!(printed.contains("empty is empty"), "{printed}");
        assert!(printed.contains("binary holds bytes that are not text"), "{printed}");
    }

    #[test]
    fn a_file_is_read_and_shows_only_its_path() {
        let directory = directory();
        let mut settings = settings(&directory, "a = 'key'\nb = '/x/y'\nc = '.'\n");
        let file = settings.root().file("a").flatten().unwrap();
        assert_eq!((file.bytes(), file.path()), (&b"from the file\r\n\n"[..], &*directory.path().join("key")));
        assert!(!format!("{file:?}").contains("from the file"));
        assert_eq!(settings.root().path("b"), Some(Some(PathBuf::from("/x/y"))));
        assert!(settings.root().file("c").is_none());
        assert!(settings.root().file("d").is_some_and(|file| file.is_none()));
    }
}
