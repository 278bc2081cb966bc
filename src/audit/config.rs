//! `[audit]`: whether calls are recorded durably, and where.

use std::path::PathBuf;

use crate::settings::Section;

/// Where each call is recorded before it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `None`: nowhere.
    pub place: Option<Place>,
}

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Standard output, between the lines of the log.
    Stdout,
    /// A file of this process alone.
    File(PathBuf),
}

const STDOUT: &str = "stdout";

impl Config {
    /// Reads `[audit]`. Whether a file can be opened is not looked at: the machine that checks a configuration is often
    /// another than the one that runs it.
    pub fn read(section: &mut Section<'_>) -> Option<Self> {
        let written = section.optional_parsed("file", |text| sane(text).map(|()| text == STDOUT))?;
        let place = match written {
            None => None,
            Some(true) => Some(Place::Stdout),
            Some(false) => {
                let path = section.path("file")??;
                if path.is_dir() {
                    section.reject("file", "is a directory; name a file in it");
                    return None;
                }
                Some(Place::File(path))
            }
        };
        Some(Self { place })
    }
}

/// A slip of the pen must not become a file beside the configuration.
fn sane(text: &str) -> Result<(), String> {
    if text != STDOUT && !text.contains(['/', '.']) {
        return Err(format!(
            "\"{text}\" is neither \"stdout\" nor a path; a file beside the configuration is \"./{text}\""
        ));
    }
    if text.ends_with('/') { Err("is a directory; name a file in it".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::settings::Settings;

    fn read(text: &str) -> Result<Config, String> {
        let mut settings = Settings::new("[audit]\n");
        settings.overlay_text(Path::new("/etc/sluice/sluice.toml"), text);
        let config = Config::read(&mut settings.root().section("audit"));
        config.ok_or_else(|| settings.mistakes().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_file_stands_beside_the_configuration_and_stdout_is_a_word() {
        let place = |text: &str| read(&format!("[audit]\nfile = \"{text}\"")).unwrap().place;
        assert_eq!(read("").unwrap().place, None);
        assert_eq!(place("stdout"), Some(Place::Stdout));
        assert_eq!(place("./stdout"), Some(Place::File("/etc/sluice/./stdout".into())));
        assert_eq!(place("/var/log/a"), Some(Place::File("/var/log/a".into())));
    }

    #[test]
    fn a_slip_of_the_pen_and_a_directory_are_refused() {
        for bad in ["stdotu", "stderr", "logs/", "/tmp"] {
            let said = read(&format!("[audit]\nfile = \"{bad}\"")).unwrap_err();
            assert!(said.contains("audit.file"), "{bad}: {said}");
        }
    }
}
