//! Reads configuration from the compiled-in defaults, files and the environment, each stronger
//! than the one before, so that every mistake is reported at once with its dotted key and the
//! line where it stands. What the keys mean is not known here: each module reads its own
//! [`Section`]. In: texts and variables. Out: [`Resolved`] or all [`Mistakes`]; never a secret.

#![allow(clippy::option_option, reason = "outside: whether it could be read; inside: whether it was there")]

mod amounts;
mod changes;
mod environment;
mod include;
mod locate;
mod mend;
mod mistake;
mod named_files;
mod node;
mod print;
#[cfg(test)]
mod reading;
mod scalars;
mod section;
mod seen;
mod source;
mod spelling;
mod unknown;
mod words;

use std::fmt;
use std::path::Path;

pub use self::changes::Change;
pub use self::mistake::Mistakes;
pub use self::named_files::ConfiguredFile;
pub use self::print::Resolved;
pub use self::section::Section;
pub use self::seen::Seen;
pub use self::spelling::written_text;
pub use self::words::{parse_duration, write_duration};

use self::mistake::Ledger;
use self::node::Table;
use self::source::{Source, SourceKind};

/// The merged sources while they are being read, with the mistakes found so far.
pub struct Settings {
    root: Table,
    ledger: Ledger,
    /// How strong the next source is.
    rank: usize,
}

impl Settings {
    /// Starts from the compiled-in defaults. A fault in them is reported like any other.
    pub fn new(defaults: &str) -> Self {
        let mut settings = Self { root: Table::default(), ledger: Ledger::default(), rank: 0 };
        settings.overlay(SourceKind::Defaults, defaults);
        settings
    }

    /// Lays a file over what is there.
    pub fn file(&mut self, path: &Path) {
        match self.contents(path) {
            Ok(text) => self.overlay_text(path, &text),
            Err((origin, message)) => self.ledger.note("", origin, message),
        }
    }

    /// Lays a text over what is there, as if the file at `path` held it.
    pub fn overlay_text(&mut self, path: &Path, text: &str) {
        self.overlay(SourceKind::File(path), text);
    }

    /// Lays those variables over what is there that begin with `SLUICE_`.
    pub fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        let before = self.ledger.mistakes.len();
        let table = environment::read(variables, self.rank, &mut self.ledger);
        self.ledger.incomplete |= self.ledger.mistakes.len() > before;
        self.root.merge(table);
        self.rank += 1;
    }

    /// The outermost table, from which all reading starts.
    pub fn root(&mut self) -> Section<'_> {
        Section::open(String::new(), None, &mut self.root, &mut self.ledger)
    }

    /// The mistakes found so far, in the order of finding.
    #[cfg(test)]
    pub fn mistakes(&self) -> &[mistake::Mistake] {
        &self.ledger.mistakes
    }

    /// Ends the reading: every key that nobody asked for is a mistake too.
    pub fn finish(mut self) -> Result<Resolved, Mistakes> {
        unknown::check(&self.root, "", &mut self.ledger);
        if !self.ledger.mistakes.is_empty() {
            return Err(Mistakes::sorted(self.ledger.mistakes, self.ledger.files));
        }
        Ok(Resolved::new(self.root, self.ledger.files))
    }

    fn overlay(&mut self, kind: SourceKind<'_>, text: &str) {
        let source = Source { kind, rank: self.rank };
        let table = source.document(text, &mut self.ledger);
        self.root.merge(table);
        self.rank += 1;
    }
}

/// Shows no value, because it is not known yet which of them are secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = &self.ledger.mistakes;
        formatter.debug_struct("Settings").field("mistakes", mistakes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn variables<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (String, String)> + 'a {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
    }

    fn read(settings: &mut Settings) -> Option<(Duration, u64)> {
        let mut root = settings.root();
        let mut queue = root.section("queue");
        let wait = queue.duration("max_wait", Duration::ZERO..=Duration::from_secs(60));
        let places = queue.integer("per_tenant", 1..=1000);
        Some((wait?, places?))
    }

    const DEFAULTS: &str = "[queue]\nmax_wait = \"10s\"\nper_tenant = 100\n";

    #[test]
    fn the_environment_overrides_the_file_and_the_file_the_defaults() {
        let mut settings = Settings::new(DEFAULTS);
        settings.overlay_text(Path::new("sluice.toml"), "queue.max_wait = '20s'\nqueue.per_tenant = 7\n");
        settings.environment(variables(&[("SLUICE_QUEUE__MAX_WAIT", "30s")]));
        assert_eq!(read(&mut settings), Some((Duration::from_secs(30), 7)));
        let printed = settings.finish().map(|resolved| resolved.to_toml());
        assert_eq!(printed, Ok("[queue]\nmax_wait = \"30s\"\nper_tenant = 7\n".to_owned()));
    }

    #[test]
    fn all_mistakes_of_all_sources_are_reported_at_once() {
        let mut settings = Settings::new("[queue]\nmax_wait = \"10\"\n");
        let text = "listen = 0.0.0.0:80\n[queue]\nper_tenants = 7\nper_tenant = 0\nper_tenant = 1\n[queu]\n";
        settings.overlay_text(Path::new("sluice.toml"), text);
        settings.environment(variables(&[("SLUICE_QUEUE__MAX_WAIL", "1s"), ("SLUICE_NEW__A__B", "x")]));
        assert_eq!(read(&mut settings), None);
        let expected = "\
sluice.toml:1: listen: this value cannot be read; text must stand in quotes
sluice.toml:3: queue.per_tenants: is not a known key; did you mean \"per_tenant\"?
sluice.toml:4: queue.per_tenant: 0 is out of range; from 1 to 1000 will do
sluice.toml:5: queue.per_tenant: is given twice
sluice.toml:6: queu: is not a known key; did you mean \"queue\"?
environment SLUICE_NEW__A__B: new.a.b: is not a known key; known here: queue
environment SLUICE_QUEUE__MAX_WAIL: queue.max_wail: is not a known key; did you mean \"max_wait\"?
built-in defaults:2: queue.max_wait: \"10\" is not a duration; write for example \"10s\" (units: ms, s, m, h, d)";
        assert_eq!(settings.finish().err().map(|mistakes| mistakes.to_string()).as_deref(), Some(expected));
    }

    #[test]
    fn what_a_fault_made_disappear_is_not_called_missing() {
        let mut settings = Settings::new("");
        settings.file(Path::new("/nowhere/sluice.toml"));
        assert_eq!(read(&mut settings), None);
        let said: Vec<_> = settings.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["/nowhere/sluice.toml cannot be read: there is no such file"]);
    }

    #[test]
    fn a_table_given_by_a_variable_merges_and_a_scalar_in_its_place_is_refused() {
        let mut settings = Settings::new(DEFAULTS);
        settings.environment(variables(&[("SLUICE_QUEUE", "{ per_tenant = 8 }")]));
        assert_eq!(read(&mut settings), Some((Duration::from_secs(10), 8)));
        let mut settings = Settings::new(DEFAULTS);
        settings.environment(variables(&[("SLUICE_QUEUE", "8")]));
        assert_eq!(read(&mut settings), None);
        let said: Vec<_> = settings.mistakes().iter().map(ToString::to_string).collect();
        assert_eq!(said, ["environment SLUICE_QUEUE: queue: is text, but a table is wanted"]);
    }
}
