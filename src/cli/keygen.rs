//! `sluice keygen`: a key pair or a secret in files, and the lines of configuration that use them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;

use super::{Failed, terminal};
use crate::auth::{Algorithm, Family, keygen};
use crate::settings::written_text;

/// Make a key to sign tokens with, and the lines that configure it.
///
/// It is meant for development and for an issuer of one's own. Writes private.pem, public.pem and jwks.json (for HS256,
/// HS384 and HS512: secret.key) and prints the lines of configuration that use them. The private key and the secret are
/// readable by their owner alone, and are never printed. No file is ever overwritten.
#[derive(Debug, clap::Args)]
pub(super) struct Keygen {
    /// What it signs with: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384 or HS512
    #[arg(long, value_name = "NAME", default_value_t = Algorithm::Es256)]
    algorithm: Algorithm,
    /// The directory to write into; it is made where there is none
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

const PRIVATE: &str = "private.pem";
const PUBLIC: &str = "public.pem";
const KEY_SET: &str = "jwks.json";
const SECRET: &str = "secret.key";

impl Keygen {
    pub(super) fn run(self) -> Result<(), Failed> {
        let lines = self.make().map_err(|reason| {
            terminal::complain(reason);
            Failed::Failure
        })?;
        terminal::say(lines);
        Ok(())
    }

    /// Writes the files; gives the lines that use them.
    fn make(&self) -> Result<String, String> {
        // Absolute, so that the lines can be pasted into a configuration anywhere.
        let directory = std::path::absolute(&self.out).map_err(|error| told(&self.out, &error))?;
        let secret = self.algorithm.family() == Family::Secret;
        // Looked at before the key is made: one for RSA takes a while.
        let names = if secret { &[SECRET][..] } else { &[PRIVATE, PUBLIC, KEY_SET] };
        refuse_present(&directory, names)?;
        fs::create_dir_all(&directory).map_err(|error| told(&directory, &error))?;
        let mut files = NewFiles { directory, made: Vec::new() };
        let lines = if secret { self.secret(&mut files)? } else { self.pair(&mut files)? };
        files.keep();
        Ok(lines)
    }

    fn pair(&self, files: &mut NewFiles) -> Result<String, String> {
        let pair = keygen::generate(self.algorithm).map_err(|fault| fault.to_string())?;
        let public = files.write(PUBLIC, ANYONE, &pair.public_pem)?;
        let key_set = files.write(KEY_SET, ANYONE, &pair.jwks())?;
        let private = files.write(PRIVATE, OWNER_ALONE, pair.private_pem.expose_secret())?;
        Ok(format!(
            "{issuer}\n\
             # the kid of its key is {kid}\n\
             jwks_file = {key_set}\n\
             # or, whatever kid the tokens name:\n\
             # public_key_file = {public}\n\
             # for `sluice token`; leave it out in production\n\
             signing_key_file = {private}",
            issuer = self.issuer(),
            kid = pair.key_id,
        ))
    }

    fn secret(&self, files: &mut NewFiles) -> Result<String, String> {
        let secret = keygen::secret().map_err(|fault| fault.to_string())?;
        let file = files.write(SECRET, OWNER_ALONE, secret.expose_secret())?;
        Ok(format!("{}\n# whoever can read it can sign, `sluice token` included\nsecret_file = {file}", self.issuer()))
    }

    /// The algorithm is written down, because an RSA key or a secret does not decide it alone.
    fn issuer(&self) -> String {
        format!(
            "[[issuers]]\n\
             issuer = \"https://sso.example.com\"   # the `iss` of its tokens\n\
             audiences = [\"sluice\"]               # their `aud`\n\
             algorithms = [\"{}\"]",
            self.algorithm
        )
    }
}

const OWNER_ALONE: u32 = 0o600;
const ANYONE: u32 = 0o644;

/// The files made so far. They go away with it unless they are kept, so that a failure leaves no half of a set.
struct NewFiles {
    directory: PathBuf,
    made: Vec<PathBuf>,
}

impl NewFiles {
    /// Makes a file with this mode from the start; gives its path as TOML writes it.
    fn write(&mut self, name: &str, mode: u32, text: &str) -> Result<String, String> {
        let path = self.directory.join(name);
        let written =
            path.to_str().map(written_text).ok_or("the directory's name is not Unicode, as TOML has to be")?;
        let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path);
        let mut file = file.map_err(|error| told(&path, &error))?;
        self.made.push(path.clone());
        file.write_all(text.as_bytes()).map_err(|error| told(&path, &error))?;
        Ok(written)
    }

    fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in &self.made {
            // There is nobody left to tell; the failure that led here has been.
            let _removed = fs::remove_file(path);
        }
    }
}

/// Names every file that is there already. A link that leads nowhere is there, too.
fn refuse_present(directory: &Path, names: &[&str]) -> Result<(), String> {
    let present = names.iter().map(|name| directory.join(name)).filter(|path| path.symlink_metadata().is_ok());
    let present: Vec<_> = present.map(|path| path.display().to_string()).collect();
    if present.is_empty() {
        return Ok(());
    }
    Err(format!("already there, and never overwritten: {}; nothing was made", present.join(", ")))
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
