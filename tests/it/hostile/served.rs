//! The built binary before a simulated upstream, with a look at what it takes from the machine.

use std::net::SocketAddr;
use std::time::Duration;

use sluice::simulator::{Settings, Simulator, start};

use crate::support::usage;
use crate::support::{Asker, Certificates, Files, ISSUER_AND_TENANT, Process, addresses, sluice};

/// A gateway that runs.
pub(super) struct Served {
    pub(super) process: Process,
    pub(super) public: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) token: String,
    /// Somebody with a token.
    pub(super) asker: Asker,
    pub(super) certificates: Option<Certificates>,
    _files: Files,
    _upstream: Simulator,
}

impl Served {
    /// With these lines of `[server]`; `tls` for one that speaks nothing else.
    pub(super) async fn start(server: &str, tls: bool) -> Self {
        let upstream = start(Settings::default()).await.unwrap();
        let certificates = tls.then(Certificates::new);
        let pair = if tls { "tls_cert_file = \"server.pem\"\ntls_key_file = \"server.key\"\n" } else { "" };
        let Settings { access_key_id, secret_access_key, .. } = Settings::default();
        let files = Files::new(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n{pair}{server}\n\
             [upstream]\nendpoint = \"{}\"\naccess_key_id = \"{access_key_id}\"\nsecret_access_key = \"{secret_access_key}\"\n\
             {}requests_per_second = 100000\nburst = 100000\n",
            upstream.endpoint(),
            ISSUER_AND_TENANT,
        ));
        if let Some(certificates) = &certificates {
            let (certificate, key) = certificates.server();
            std::fs::copy(certificate, files.path("server.pem")).unwrap();
            std::fs::copy(key, files.path("server.key")).unwrap();
        }
        let token = String::from_utf8(files.run(&["token", "--tenant", "red"]).stdout).unwrap().trim().to_owned();
        let process = Process::start(&mut sluice(&["serve", "--config", &files.config()]));
        let (public, admin) = process.prints(addresses).await;
        let asker = match &certificates {
            None => Asker::new(format!("http://{public}"), Some(token.clone())),
            Some(certificates) => Asker::trusting(
                format!("https://{public}"),
                Some(token.clone()),
                &[&certificates.authority()],
                usize::MAX,
            ),
        };
        let (public, admin) = (public.parse().unwrap(), admin.parse().unwrap());
        Self { process, public, admin, token, asker, certificates, _files: files, _upstream: upstream }
    }

    /// What it holds in memory, in bytes.
    pub(super) fn memory(&self) -> u64 {
        usage::resident(self.process.id()).unwrap()
    }

    /// How long it has computed so far.
    pub(super) fn computed(&self) -> Duration {
        usage::computed(self.process.id()).unwrap()
    }
}
