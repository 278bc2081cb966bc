//! A certificate authority that nobody else knows, and a certificate of its for this machine.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

const EXTENSIONS: &str =
    "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth\n";

/// Files of keys and certificates, good for two days.
pub(crate) struct Certificates(TempDir);

impl Certificates {
    pub(crate) fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        std::fs::write(made.0.path().join("extensions"), EXTENSIONS).unwrap();
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        made.openssl(&format!(
            "req -x509 {curve} -keyout authority.key -out authority.pem -subj /CN=authority -days 2"
        ));
        made.openssl(&format!("req {curve} -keyout server.key -out server.csr -subj /CN=server"));
        made.openssl(
            "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
             -extfile extensions -out server.pem",
        );
        made
    }

    /// The authority's certificate, which clients have to be told.
    pub(crate) fn authority(&self) -> PathBuf {
        self.0.path().join("authority.pem")
    }

    /// The certificate and its key.
    pub(crate) fn server(&self) -> (PathBuf, PathBuf) {
        (self.0.path().join("server.pem"), self.0.path().join("server.key"))
    }

    /// Lines of `redis.conf`.
    #[allow(dead_code, reason = "not every binary of the tests has a Redis")]
    pub(crate) fn settings(&self) -> String {
        let place = self.0.path().display();
        format!(
            "tls-cert-file \"{place}/server.pem\"\ntls-key-file \"{place}/server.key\"\n\
             tls-ca-cert-file \"{place}/authority.pem\"\ntls-auth-clients no"
        )
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(self.0.path()).output();
        let output = output.unwrap_or_else(|fault| panic!("openssl cannot be run: {fault}"));
        assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
