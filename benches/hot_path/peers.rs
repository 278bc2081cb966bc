//! The peers, as Debian packages them. What they cache, a raw hyper server answers.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use sluice::auth::Algorithm;

use super::asks::Asks;
use super::certificates::Certificates;
use super::contenders::{Contender, request};
use super::h2load;
use super::server::{SERVERS, Server, free_address};
use super::tokens::Issuer;

const NGINX: &str = include_str!("peers/nginx.conf");
const VERIFY_JS: &str = include_str!("peers/verify.js");
const HAPROXY: &str = include_str!("peers/haproxy.cfg");
const HAPROXY_JWT: &str = include_str!("peers/haproxy-jwt.cfg");

const NJS_MODULE: &str = "/usr/lib/nginx/modules/ngx_http_js_module.so";

/// All that are installed.
pub(crate) fn contenders(place: &Path, origin: SocketAddr, issuers: &[Issuer; 3], target: &str) -> Vec<Contender> {
    let [rsa, _, _] = issuers;
    let mut all = Vec::new();
    let mut add = |name, checks, server: Option<Server>, token: Option<String>| {
        let Some(server) = server else {
            return println!("{name}: not installed, left out");
        };
        let requests = vec![request(target, token.as_deref(), "")];
        all.push(Contender { name, checks, server: Rc::new(server), asks: Asks::Http1 { requests, status: "200" } });
    };
    add("nginx proxy_cache", "none", nginx(place, "nginx", "", None, origin), None);
    add("HAProxy cache", "none", haproxy(place, "haproxy", "", "", origin), None);
    for (name, issuer) in ["HAProxy, RS256", "HAProxy, ES256", "HAProxy, HS256"].into_iter().zip(issuers) {
        let rules = rules(issuer);
        add(
            name,
            "each request",
            haproxy(place, &issuer.algorithm.as_str().to_lowercase(), "", &rules, origin),
            Some(issuer.token(0)),
        );
    }
    let verifies = VERIFY_JS.replace("@key@", &der(rsa));
    let server =
        if Path::new(NJS_MODULE).exists() { nginx(place, "nginx-njs", "", Some(&verifies), origin) } else { None };
    add("nginx njs, RS256", "each request", server, Some(rsa.token(0)));
    all
}

/// Those that are installed, asked over HTTP/2.
pub(crate) fn over_tls(place: &Path, origin: SocketAddr, certificates: &Certificates, target: &str) -> Vec<Contender> {
    let (certificate, key) = certificates.server();
    // HAProxy wants both in one file.
    let both = place.join("haproxy.pem");
    fs::write(&both, [fs::read(&certificate).unwrap(), fs::read(&key).unwrap()].concat()).unwrap();
    let (certificate, key) = (certificate.display(), key.display());
    let of_nginx =
        format!(" ssl http2; ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3");
    let of_haproxy = format!(" ssl crt {} alpn h2", both.display());
    let all = [
        ("nginx proxy_cache, HTTP/2", nginx(place, "nginx-tls", &of_nginx, None, origin)),
        ("HAProxy cache, HTTP/2", haproxy(place, "haproxy-tls", &of_haproxy, "", origin)),
    ];
    let found = all.into_iter().filter_map(|(name, server)| {
        let asks = Asks::Http2(h2load::Request { target: target.to_owned(), token: None });
        Some(Contender { name, checks: "none", server: Rc::new(server?), asks })
    });
    found.collect()
}

/// Without a script it asks for no token.
fn nginx(place: &Path, name: &str, tls: &str, verifies: Option<&str>, origin: SocketAddr) -> Option<Server> {
    let program = installed("nginx")?;
    let (directory, at) = (place.join(name), free_address());
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("verify.js"), verifies.unwrap_or_default()).unwrap();
    let module = format!("load_module {NJS_MODULE};");
    let lines = [
        ("@module@", &*module),
        ("@script@", "js_path @directory@; js_import verify from verify.js;"),
        ("@ask@", "auth_request /verify;"),
        ("@verifier@", "location = /verify { internal; js_content verify.bearer; }"),
    ];
    let fill = |text: String, (mark, line): (&str, &str)| text.replace(mark, verifies.map_or("", |_| line));
    let template = lines.into_iter().fold(NGINX.to_owned(), fill);
    let config = directory.join("nginx.conf");
    fs::write(&config, filled(&template, &directory, at, tls, origin)).unwrap();
    Some(Server::start(SERVERS, &program, &["-c", config.to_str().unwrap()], at, &directory.join("output")))
}

fn haproxy(place: &Path, name: &str, tls: &str, rules: &str, origin: SocketAddr) -> Option<Server> {
    let program = installed("haproxy")?;
    let (at, config) = (free_address(), place.join(format!("{name}.cfg")));
    fs::write(&config, filled(HAPROXY, place, at, tls, origin).replace("@verify@", rules.trim_start())).unwrap();
    let output = config.with_extension("output");
    Some(Server::start(SERVERS, &program, &["-db", "-f", config.to_str().unwrap()], at, &output))
}

fn filled(template: &str, directory: &Path, at: SocketAddr, tls: &str, origin: SocketAddr) -> String {
    let template = template.replace("@directory@", directory.to_str().unwrap());
    template.replace("@listen@", &format!("{at}{tls}")).replace("@origin@", &origin.to_string())
}

/// What `HAProxy` looks at in a token: what Sluice looks at, as far as it can.
fn rules(issuer: &Issuer) -> String {
    // Under HS256 it takes the secret itself, else the path of the key.
    let key = if issuer.algorithm == Algorithm::Hs256 {
        fs::read_to_string(&issuer.verifies).unwrap()
    } else {
        issuer.verifies.display().to_string()
    };
    let rules = HAPROXY_JWT.replace("@algorithm@", issuer.algorithm.as_str());
    rules.replace("@key@", &key).replace("@issuer@", &issuer.name)
}

/// A PEM file's content in base64, without its lines.
fn der(issuer: &Issuer) -> String {
    let pem = fs::read_to_string(&issuer.verifies).unwrap();
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    places.iter().map(|place| Path::new(place).join(program)).find(|path| path.exists())
}
