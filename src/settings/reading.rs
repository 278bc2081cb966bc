//! What the tests of the accessors read from.

use std::path::Path;

use super::{Section, Settings};

/// What reading the keys says of a file, one line for each mistake.
pub(super) fn said(file: &str, read: impl FnOnce(&mut Section<'_>)) -> Vec<String> {
    let mut settings = Settings::new("");
    settings.overlay_text(Path::new("f"), file);
    read(&mut settings.root());
    settings.mistakes().iter().map(ToString::to_string).collect()
}

/// One variable and nothing else.
pub(super) fn variable(name: &str, value: &str) -> Settings {
    let mut settings = Settings::new("");
    settings.environment([(name.to_owned(), value.to_owned())].into_iter());
    settings
}
