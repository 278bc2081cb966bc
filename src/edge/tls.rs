//! TLS on the public listener: a certificate that can be changed while connections are open, and HTTP/2 by ALPN.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::settings::{ConfiguredFile, Section};

/// What connections are accepted with. Cloning shares it.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<ServerConfig>>);

/// A certificate chain and its key, tried together.
#[derive(Clone)]
pub struct Certificate(Arc<ServerConfig>);

/// The protocols offered, best first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];
pub(super) const HTTP_2: &[u8] = b"h2";

impl Certificate {
    /// Reads `tls_cert_file` and `tls_key_file`; `Some(None)` where neither is given.
    #[expect(clippy::option_option, reason = "the shape of all readers of settings")]
    pub(super) fn read(section: &mut Section<'_>) -> Option<Option<Self>> {
        let (chain, key) = (section.file("tls_cert_file"), section.file("tls_key_file"));
        match (chain?, key?) {
            (None, None) => Some(None),
            (Some(_), None) => {
                section.reject("tls_cert_file", "needs tls_key_file, the private key of the certificate");
                None
            }
            (None, Some(_)) => {
                section
                    .reject("tls_key_file", "needs tls_cert_file, the certificate and those between it and its root");
                None
            }
            (Some(chain), Some(key)) => match Self::of(&chain, &key) {
                Ok(certificate) => Some(Some(certificate)),
                Err((at, fault)) => {
                    section.reject(at, fault);
                    None
                }
            },
        }
    }

    fn of(chain: &ConfiguredFile, key: &ConfiguredFile) -> Result<Self, (&'static str, String)> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain.bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| ("tls_cert_file", "holds a certificate that is not PEM".to_owned()))?;
        if chain.is_empty() {
            return Err(("tls_cert_file", "holds no certificate in PEM (BEGIN CERTIFICATE)".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key.bytes())
            .map_err(|_| ("tls_key_file", "holds no private key in PEM (BEGIN PRIVATE KEY), unencrypted".to_owned()))?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|fault| ("tls_key_file", misfit(&fault)))?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Self(Arc::new(config)))
    }
}

impl Tls {
    /// Accepts with this certificate.
    pub fn new(certificate: Certificate) -> Self {
        Self(Arc::new(ArcSwap::new(certificate.0)))
    }

    /// Accepts with another one from now on. Open connections keep what they began with.
    pub fn renew(&self, certificate: Certificate) {
        self.0.store(certificate.0);
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate")
    }
}
/// Why a key and a certificate cannot be used together.
fn misfit(fault: &rustls::Error) -> String {
    match fault {
        rustls::Error::InconsistentKeys(_) => {
            "is not the key of the certificate in tls_cert_file; was only one of the two replaced?".to_owned()
        }
        other => format!("cannot be used with the certificate in tls_cert_file: {other}"),
    }
}
