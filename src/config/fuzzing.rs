//! Fuzz target of the configuration as a whole.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here has been found")]

use std::path::Path;

use secrecy::ExposeSecret;

use super::*;

/// What parts the file from the variables that override it.
const ENVIRONMENT: &str = "\n--- environment\n";
/// No such folder: what the file names beside it cannot be read, whatever it is called.
const NAME: &str = "/nowhere/sluice.toml";

/// A configuration file and, after a line `--- environment`, variables as `NAME=value`. What is refused is refused with
/// the key or the place of each mistake; what is accepted is printed without its secrets and reads back as printed.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    // Not for the machine's own files: a device may have no end.
    if ["/dev", "/proc", "/sys"].iter().any(|path| text.contains(path)) {
        return;
    }
    let (file, variables) = text.split_once(ENVIRONMENT).unwrap_or((text, ""));
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let mut settings = Settings::new(DEFAULTS);
    settings.overlay_text(Path::new(NAME), file);
    settings.environment(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    match read(settings) {
        Ok(loaded) => is_printed(text, &loaded),
        Err(mistakes) => {
            assert!(!mistakes.all().is_empty() && mistakes.all().len() <= 100 + text.len());
            for mistake in mistakes.all() {
                assert!(!mistake.key.is_empty() || mistake.origin.is_some(), "nowhere: {mistake}");
                assert!(!mistake.message.is_empty() && mistake.to_string().len() <= 2000 + 8 * text.len(), "{mistake}");
            }
            let lines: Vec<_> = mistakes.all().iter().map(ToString::to_string).collect();
            let largest = file.lines().count() + 1;
            let numbers = lines.iter().filter_map(|line| line.strip_prefix(NAME)?.strip_prefix(':')?.split(':').next());
            assert!(numbers.filter_map(|number| number.parse().ok()).all(|line: usize| (1..=largest).contains(&line)));
        }
    }
}

fn is_printed(text: &str, loaded: &Loaded) {
    let printed = loaded.resolved.to_toml();
    let secret = loaded.config.upstream.credentials.secret_access_key.expose_secret();
    // A short one, or one that is written elsewhere too, may well stand in the print.
    if secret.len() >= 8 && text.matches(secret).count() == 1 && !DEFAULTS.contains(secret) {
        assert!(!printed.contains(secret) && !format!("{loaded:?}").contains(secret), "a secret is printed");
    }
    // Where the store is is a secret too, and three stars are no place.
    let readable = printed.replace("redis_url = \"***\"", "redis_url = \"redis://localhost\"");
    let mut settings = Settings::new(DEFAULTS);
    settings.overlay_text(Path::new(NAME), &readable);
    let again = read(settings).unwrap_or_else(|mistakes| panic!("{mistakes}\n{printed}"));
    assert_eq!(again.resolved.to_toml(), printed, "the print reads back as something else");
}
