//! Who is measured: the gateway with each kind of token, its peers, and the yardstick beside each.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sluice::auth::Algorithm;
use sluice::simulator::Settings;
use tempfile::TempDir;

use super::days::settled_day;
use super::peers;
use super::server::{OTHERS, SERVERS, Server, free_address};
use super::tokens::{Issuer, TENANT};

/// One line of the table.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// How it knows the caller.
    pub(crate) checks: &'static str,
    pub(crate) server: Rc<Server>,
    pub(crate) requests: Vec<Vec<u8>>,
    pub(crate) status: &'static str,
}

/// The servers, all of which run from the beginning to the end: who is not asked costs the others nothing.
pub(crate) struct Stage {
    directory: TempDir,
    sluice: Rc<Server>,
    hyper: Server,
    hyper_304: Server,
    /// The same body, which anybody may keep: where the peers' caches have it from.
    origin: Server,
    issuers: [Issuer; 3],
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
        let sluice = binary("SLUICE", env!("CARGO_BIN_EXE_sluice"));
        let at = free_address();
        let upstream =
            Server::start(OTHERS, &sluice, &["simulate", "--listen", &at.to_string()], at, &place.join("upstream"));
        let at = free_address();
        fs::write(place.join("sluice.toml"), configuration(at, upstream.address, &issuers)).unwrap();
        let config = place.join("sluice.toml").display().to_string();
        let gateway =
            Rc::new(Server::start(SERVERS, &sluice, &["serve", "--config", &config], at, &place.join("sluice")));
        let target = target();
        let answer = Answer::ask(at, &request(&target, Some(&issuers[0].token(0)), ""));
        let yardstick = hyper(place, "yardstick", "200", &answer);
        let hyper_304 = hyper(place, "yardstick-304", "304", &Answer { body: Vec::new(), ..answer.clone() });
        let public = ["content-type: application/json", "cache-control: max-age=3600"].map(str::to_owned);
        let origin = hyper(place, "origin", "200", &Answer { head: public.into(), ..answer.clone() });
        let tag = answer.header("etag");
        Self {
            directory,
            sluice: gateway,
            hyper: yardstick,
            hyper_304,
            origin,
            issuers,
            target,
            tag,
            _upstream: upstream,
        }
    }

    /// Who answers as the contender does.
    pub(crate) fn yardstick(&self, contender: &Contender) -> &Server {
        if contender.status == "304" { &self.hyper_304 } else { &self.hyper }
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
            requests,
            status,
        };
        let held = format!("If-None-Match: {}\r\n", self.tag);
        let mut all = vec![
            ours("Sluice, RS256", one(rsa, ""), "200"),
            ours("Sluice, ES256", one(curve, ""), "200"),
            ours("Sluice, HS256", one(secret, ""), "200"),
            ours("Sluice, RS256, 10,000 callers", many(rsa), "200"),
            ours("Sluice, RS256, not modified", one(rsa, &held), "304"),
        ];
        all.extend(peers::contenders(self.directory.path(), self.origin.address, &self.issuers, &self.target));
        all
    }
}

/// An answer as it came.
#[derive(Clone)]
struct Answer {
    head: Vec<String>,
    body: Vec<u8>,
}

impl Answer {
    /// Asks until it is answered: a gateway that has just begun sends nothing for a moment.
    fn ask(address: SocketAddr, request: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        let closing = String::from_utf8(request.to_vec()).unwrap().replacen("\r\n", "\r\nConnection: close\r\n", 1);
        stream.write_all(closing.as_bytes()).unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(reply[..end].to_vec()).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let own = ["content-length:", "date:", "connection:"];
        let lines =
            head.lines().skip(1).filter(|line| !own.iter().any(|name| line.to_ascii_lowercase().starts_with(name)));
        Self { head: lines.map(str::to_owned).collect(), body: reply.split_off(end + 4) }
    }

    fn header(&self, name: &str) -> String {
        let line = self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap();
        line.to_owned()
    }
}

/// hyper with this answer's headers and body.
fn hyper(place: &Path, name: &str, status: &str, answer: &Answer) -> Server {
    let file = |part: &str, bytes: &[u8]| {
        let path = place.join(format!("{name}.{part}"));
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let (head, body) = (file("head", answer.head.join("\n").as_bytes()), file("body", &answer.body));
    let (at, program) = (free_address(), binary("YARDSTICK", "target/release/examples/yardstick"));
    Server::start(SERVERS, &program, &[&at.to_string(), status, &head, &body], at, &place.join(name))
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

fn configuration(at: SocketAddr, upstream: SocketAddr, issuers: &[Issuer; 3]) -> String {
    let issuers: String = issuers.iter().map(Issuer::configuration).collect();
    let Settings { access_key_id, secret_access_key, .. } = Settings::default();
    format!(
        "[server]\nlisten = \"{at}\"\nadmin_listen = \"127.0.0.1:0\"\ndrain = \"0s\"\n[upstream]\nendpoint = \"http://{upstream}\"\n\
         access_key_id = \"{access_key_id}\"\nsecret_access_key = \"{secret_access_key}\"\n{issuers}\
         [[tenants]]\nid = \"{TENANT}\"\nrequests_per_second = 1000000\nburst = 1000000\n\
         apps = [{{ name = \"classroom\", app_id = \"661e1c9d2b9f4a0017e843cf\" }}]\n"
    )
}
