//! What is wrong with a configuration, and where: one `Mistake` per fault, with the dotted key
//! and the line or variable it came from. `Mistakes` is the whole list in reading order.
//! No message ever holds the value of a secret.

use std::cmp::Ordering;
use std::fmt;
use std::path::{Path, PathBuf};

use super::seen::Seen;

/// Where a value was written. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The defaults that are compiled in.
    Default {
        /// The line in the text of the defaults.
        line: usize,
    },
    /// A configuration file.
    File {
        /// The file, as it was named to us.
        path: PathBuf,
        /// The line in that file.
        line: usize,
    },
    /// An environment variable.
    Environment {
        /// The variable's full name.
        name: String,
    },
}

/// One fault of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The dotted key with indices, `tenants[1].apps[0].name`; empty where no key is at fault.
    pub key: String,
    /// Where the value stands; `None` where nothing was written.
    pub origin: Option<Origin>,
    /// What is wrong and what would do.
    pub message: String,
}

/// Every fault that was found, sorted by file and line and freed of repetitions; never empty.
/// Its `Display` prints one per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    all: Vec<Mistake>,
    files: Vec<Seen>,
}

/// What a reading leaves behind besides the values: the faults, and the files that were opened.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) mistakes: Vec<Mistake>,
    pub(super) files: Vec<Seen>,
    /// A file could not be read in full. What is absent then proves nothing, so that missing
    /// keys are not reported on top of the fault that made them disappear.
    pub(super) incomplete: bool,
}

impl Origin {
    /// A default cannot be edited by whoever reads the message, so that something absent is never
    /// blamed on a line of the defaults.
    pub(super) fn is_editable(&self) -> bool {
        !matches!(self, Self::Default { .. })
    }

    /// The directory that a relative path written here starts from: that of the naming file, and
    /// the current one for everything else.
    pub(super) fn directory(&self) -> &Path {
        match self {
            Self::File { path, .. } => path.parent().unwrap_or(Path::new("")),
            Self::Default { .. } | Self::Environment { .. } => Path::new(""),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default { line } => write!(formatter, "built-in defaults:{line}"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Environment { name } => write!(formatter, "environment {name}"),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(formatter, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.message)
    }
}

impl Mistakes {
    pub(super) fn sorted(mut mistakes: Vec<Mistake>, files: Vec<Seen>) -> Self {
        mistakes.sort_by(|one, other| order(one.origin.as_ref(), other.origin.as_ref()));
        let mut kept: Vec<Mistake> = Vec::with_capacity(mistakes.len());
        for mistake in mistakes {
            // Two modules may read one key; its fault is still one fault.
            if !kept.contains(&mistake) {
                kept.push(mistake);
            }
        }
        Self { all: kept, files }
    }

    /// The faults, in the order in which they are printed.
    pub fn all(&self) -> &[Mistake] {
        &self.all
    }

    /// Every file that was opened, for whoever watches for one of them to be mended.
    pub fn files(&self) -> &[Seen] {
        &self.files
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.all.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Ledger {
    pub(super) fn note(&mut self, key: impl Into<String>, origin: Option<Origin>, message: impl Into<String>) {
        self.mistakes.push(Mistake { key: key.into(), origin, message: message.into() });
    }
}

/// Files by name and line, then variables by name, then defaults; last what stands nowhere.
fn order(one: Option<&Origin>, other: Option<&Origin>) -> Ordering {
    fn rank(origin: Option<&Origin>) -> (u8, &Path, &str, usize) {
        let nowhere = Path::new("");
        match origin {
            Some(Origin::File { path, line }) => (0, path, "", *line),
            Some(Origin::Environment { name }) => (1, nowhere, name, 0),
            Some(Origin::Default { line }) => (2, nowhere, "", *line),
            None => (3, nowhere, "", 0),
        }
    }
    rank(one).cmp(&rank(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str, line: usize) -> Mistake {
        let origin = Some(Origin::File { path: path.into(), line });
        Mistake { key: "a.b".into(), origin, message: "is odd".into() }
    }

    #[test]
    fn a_mistake_prints_place_then_key_then_message() {
        assert_eq!(at("sluice.toml", 12).to_string(), "sluice.toml:12: a.b: is odd");
        let bare = Mistake { key: String::new(), origin: None, message: "is odd".into() };
        assert_eq!(bare.to_string(), "is odd");
    }

    #[test]
    fn mistakes_are_sorted_by_file_and_line_and_said_once() {
        let variable = Origin::Environment { name: "SLUICE_A".into() };
        let environment = Mistake { origin: Some(variable), ..at("", 0) };
        let nowhere = Mistake { origin: None, ..at("", 0) };
        let shuffled = vec![nowhere, environment, at("b", 1), at("a", 10), at("a", 9), at("a", 10)];
        let printed = Mistakes::sorted(shuffled, Vec::new()).to_string();
        let expected = "a:9: a.b: is odd\na:10: a.b: is odd\nb:1: a.b: is odd\n\
                        environment SLUICE_A: a.b: is odd\na.b: is odd";
        assert_eq!(printed, expected);
    }
}
