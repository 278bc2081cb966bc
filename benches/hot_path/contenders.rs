//! Who is measured: the gateway with each kind of token, its peers, and the yardstick beside each.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sluice::auth::Algorithm;
use sluice::simulator::Settings;
use tempfile::TempDir;

use super::answer::Answer;
use super::asks::Asks;
use super::certificates::Certificates;
use super::days::settled_day;
use super::h2load;
use super::peers;
use super::server::{OTHERS, SERVERS, Server, free_address};
use super::tokens::{Issuer, TENANT};

/// One line of the table.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// How it knows the caller.
    pub(crate) checks: &'static str,
    pub(crate) server: Rc<Server>,
    pub(crate) asks: Asks,
}

/// The servers, all of which run from the beginning to the end: who is not asked costs the others nothing.
pub(crate) struct Stage {
    directory: TempDir,
    sluice: Rc<Server>,
    sluice_tls: Rc<Server>,
    hyper: Server,
    hyper_304: Server,
    hyper_tls: Server,
    /// The same body, which anybody may keep: where the peers' caches have it from.
    origin: Server,
    issuers: [Issuer; 3],
    certificates: Certificates,
    target: String,
    tag: String,
    _upstream: Server,
}

/// As many callers, each with a token of its own.
const CALLERS: usize = 10_000;

impl Stage {
    pub(crate) fn set() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let issuers =
            [Algorithm::Rs256, Algorithm::Es256, Algorithm::Hs256].map(|algorithm| Issuer::new(algorithm, place));
        let program = binary("SLUICE", env!("CARGO_BIN_EXE_sluice"));
        let at = free_address();
        let upstream =
            Server::start(OTHERS, &program, &["simulate", "--listen", &at.to_string()], at, &place.join("upstream"));
        let gateway = |name: &str, tls: &str| {
            let (at, config) = (free_address(), place.join(format!("{name}.toml")));
            fs::write(&config, configuration(at, tls, upstream.address, &issuers)).unwrap();
            let arguments = ["serve", "--config", config.to_str().unwrap()];
            Rc::new(Server::start(SERVERS, &program, &arguments, at, &place.join(name)))
        };
        let certificates = Certificates::new();
        let (certificate, key) = certificates.server();
        let tls = [certificate, key].map(|path| path.display().to_string());
        let lines = format!("tls_cert_file = \"{}\"\ntls_key_file = \"{}\"\n", tls[0], tls[1]);
        let (sluice_tls, sluice) = (gateway("sluice-tls", &lines), gateway("sluice", ""));
        let target = target();
        let answer = Answer::ask(sluice.address, &request(&target, Some(&issuers[0].token(0)), ""));
        let yardstick = hyper(place, "yardstick", "200", &answer, &[]);
        let hyper_304 = hyper(place, "yardstick-304", "304", &Answer { body: Vec::new(), ..answer.clone() }, &[]);
        let hyper_tls = hyper(place, "yardstick-tls", "200", &answer, &tls);
        let public = ["content-type: application/json", "cache-control: max-age=3600"].map(str::to_owned);
        let origin = hyper(place, "origin", "200", &Answer { head: public.into(), ..answer.clone() }, &[]);
        let tag = answer.header("etag");
        Self {
            directory,
            sluice,
            sluice_tls,
            hyper: yardstick,
            hyper_304,
            hyper_tls,
            origin,
            issuers,
            certificates,
            target,
            tag,
            _upstream: upstream,
        }
    }

    /// Who answers as the contender does.
    pub(crate) fn yardstick(&self, contender: &Contender) -> &Server {
        match contender.asks {
            Asks::Http1 { status: "304", .. } => &self.hyper_304,
            Asks::Http1 { .. } => &self.hyper,
            Asks::Http2(_) => &self.hyper_tls,
        }
    }

    pub(crate) fn contenders(&self) -> Vec<Contender> {
        let [rsa, curve, secret] = &self.issuers;
        let one = |issuer: &Issuer, more: &str| vec![request(&self.target, Some(&issuer.token(0)), more)];
        let many = |issuer: &Issuer| {
            let requests = (0..CALLERS).map(|caller| request(&self.target, Some(&issuer.token(caller)), ""));
            requests.collect()
        };
        let ours = |name, requests, status| Contender {
            name,
            checks: "remembered",
            server: Rc::clone(&self.sluice),
            asks: Asks::Http1 { requests, status },
        };
        let held = format!("If-None-Match: {}\r\n", self.tag);
        let mut all = vec![
            ours("Sluice, RS256", one(rsa, ""), "200"),
            ours("Sluice, ES256", one(curve, ""), "200"),
            ours("Sluice, HS256", one(secret, ""), "200"),
            ours("Sluice, RS256, 10,000 callers", many(rsa), "200"),
            ours("Sluice, RS256, not modified", one(rsa, &held), "304"),
        ];
        let (place, origin) = (self.directory.path(), self.origin.address);
        all.extend(peers::contenders(place, origin, &self.issuers, &self.target));
        if peers::installed("h2load").is_none() {
            println!("HTTP/2: h2load is not installed, left out");
            return all;
        }
        all.push(Contender {
            name: "Sluice, RS256, HTTP/2",
            checks: "remembered",
            server: Rc::clone(&self.sluice_tls),
            asks: Asks::Http2(h2load::Request { target: self.target.clone(), token: Some(rsa.token(0)) }),
        });
        all.extend(peers::over_tls(place, origin, &self.certificates, &self.target));
        all
    }
}

/// hyper with this answer's headers and body; over TLS where there are a certificate and its key.
fn hyper(place: &Path, name: &str, status: &str, answer: &Answer, tls: &[String]) -> Server {
    let file = |part: &str, bytes: &[u8]| {
        let path = place.join(format!("{name}.{part}"));
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let (head, body) = (file("head", answer.head.join("\n").as_bytes()), file("body", &answer.body));
    let (at, program) = (free_address(), binary("YARDSTICK", "target/release/examples/yardstick"));
    let mut arguments = vec![status, &head, &body];
    arguments.extend(tls.iter().map(String::as_str));
    Server::start(SERVERS, &program, &[&[&*at.to_string()], &*arguments].concat(), at, &place.join(name))
}

fn binary(variable: &str, usual: &str) -> PathBuf {
    let path = std::env::var(variable).unwrap_or_else(|_| usual.to_owned());
    fs::canonicalize(&path).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

/// A request as a client sends it.
pub(crate) fn request(target: &str, token: Option<&str>, more: &str) -> Vec<u8> {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("GET {target} HTTP/1.1\r\nHost: sluice.test\r\nUser-Agent: bench\r\nAccept: */*\r\n{token}{more}\r\n")
        .into()
}

/// A question whose answer never changes.
fn target() -> String {
    let (from, to) = settled_day(0);
    format!("/apps/classroom/distribution?from={from}&to={to}&dim=province")
}

fn configuration(at: SocketAddr, tls: &str, upstream: SocketAddr, issuers: &[Issuer; 3]) -> String {
    let issuers: String = issuers.iter().map(Issuer::configuration).collect();
    let Settings { access_key_id, secret_access_key, .. } = Settings::default();
    format!(
        "[server]\nlisten = \"{at}\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n{tls}[upstream]\nendpoint = \"http://{upstream}\"\n\
         access_key_id = \"{access_key_id}\"\nsecret_access_key = \"{secret_access_key}\"\n{issuers}\
         [[tenants]]\nid = \"{TENANT}\"\nrequests_per_second = 1000000\nburst = 1000000\n\
         apps = [{{ name = \"classroom\", app_id = \"661e1c9d2b9f4a0017e843cf\" }}]\n"
    )
}
