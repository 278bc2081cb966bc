//! `sluice demo`: everything on loopback, and words that say what to try.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use secrecy::{ExposeSecret, SecretSlice};

use super::serve::Signals;
use super::{Failed, runtime, terminal};
use crate::app::{Addresses, Gateway, Host, Past};
use crate::auth::{Algorithm, Minter, NewToken, SigningKey, keygen};
use crate::clock::Clock;
use crate::config;
use crate::simulator::{self, Settings, Simulator};

/// Run everything on this machine, with curl lines to paste.
///
/// A simulated upstream, a gateway with two tenants, and ready-made tokens, all on loopback. No file, no account and no
/// network are needed. Runs until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Where the gateway listens; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

const ISSUER: &str = "https://sso.demo.invalid";
const AUDIENCE: &str = "sluice";
const LATENCY: Duration = Duration::from_millis(80);
const TOKENS_LIVE: Duration = Duration::from_secs(12 * 3600);
const CLASSROOM: &str = "661e1c9d2b9f4a0017e843cf";
const MEETINGS: &str = "662a77f04c1d9e00125b90aa";

impl Demo {
    pub(super) fn run(self) -> Result<(), Failed> {
        runtime()?.block_on(async {
            let told = |fault: String| {
                terminal::complain(fault);
                Failed::Failure
            };
            let mut signals = Signals::listen().map_err(|error| told(format!("cannot listen for signals: {error}")))?;
            let settings = Settings { latency: LATENCY, ..Settings::default() };
            let (key_id, secret) = (settings.access_key_id.clone(), settings.secret_access_key.clone());
            let upstream =
                simulator::start(settings).await.map_err(|error| told(format!("cannot simulate: {error}")))?;
            let pair = keygen::generate(Algorithm::Es256).map_err(|fault| told(fault.to_string()))?;
            let text = self.settings(&upstream, &key_id, &secret, &pair.public_pem);
            let loaded = config::load_text(Path::new("demo"), &text).map_err(|mistakes| told(mistakes.to_string()))?;
            let telemetry = super::telemetry(&loaded.config.telemetry)?;
            let host = Host {
                past: Past::Unused,
                clock: Clock::system(),
                telemetry: telemetry.clone(),
                source: Box::new(move || config::load_text(Path::new("demo"), &text)),
            };
            let gateway = Gateway::start(loaded, host).await.map_err(|fault| {
                told(format!("{fault}\nAnother address can be given: sluice demo --listen 127.0.0.1:0"))
            })?;
            let tokens = Tokens::mint(&pair).map_err(|fault| told(fault.to_string()))?;
            terminal::say(guide(gateway.addresses(), &upstream, &tokens));
            signals.stop().await;
            gateway.drain(signals.stop()).await;
            upstream.stop().await;
            telemetry.end();
            Ok(())
        })
    }

    fn settings(&self, upstream: &Simulator, key_id: &str, secret: &str, public_pem: &str) -> String {
        let (listen, endpoint) = (self.listen, upstream.endpoint());
        format!(
            r#"
[server]
listen = "{listen}"
admin_listen = "127.0.0.1:0"
drain = "0s"
[upstream]
endpoint = "{endpoint}"
access_key_id = "{key_id}"
secret_access_key = "{secret}"
[telemetry]
log = "warn,sluice::access=info,sluice::audit=info"
format = "pretty"
[[issuers]]
issuer = "{ISSUER}"
audiences = ["{AUDIENCE}"]
public_key = """{public_pem}"""
[[tenants]]
id = "team-classroom"
apps = [{{ name = "classroom", app_id = "{CLASSROOM}" }}]
[[tenants]]
id = "team-meetings"
apps = [{{ name = "meetings", app_id = "{MEETINGS}" }}]
"#
        )
    }
}

/// One token for each tenant.
struct Tokens {
    classroom: String,
    meetings: String,
}

impl Tokens {
    fn mint(pair: &keygen::KeyPair) -> Result<Self, crate::auth::MintFault> {
        let key = SigningKey::PrivateKeyPem(SecretSlice::from(pair.private_pem.expose_secret().as_bytes().to_vec()));
        let minter = Minter::new(&key, &[Algorithm::Es256], None)?;
        let claim = "tenant".parse().expect("a plain name is a claim");
        let token = |tenant| {
            minter.mint(&NewToken {
                issuer: ISSUER,
                audience: AUDIENCE,
                tenant_claim: &claim,
                tenant,
                subject: "demo",
                scope: "",
                issued_at: Clock::system().now(),
                ttl: TOKENS_LIVE,
                token_id: None,
                not_before: None,
            })
        };
        Ok(Self { classroom: token("team-classroom")?, meetings: token("team-meetings")? })
    }
}

/// A week that has settled whatever the time of day: it ended yesterday.
fn settled_week(now: Timestamp) -> (String, String) {
    let today = now.to_zoned(TimeZone::fixed(jiff::tz::offset(8))).date();
    let (to, from) = (today.saturating_sub(1.day()), today.saturating_sub(8.days()));
    (from.to_string(), to.to_string())
}

fn guide(addresses: Addresses, upstream: &Simulator, tokens: &Tokens) -> String {
    let (from, to) = settled_week(Clock::system().now());
    let Tokens { classroom, meetings } = tokens;
    let base = format!("http://{}", addresses.public);
    let week = format!("from={from}&to={to}");
    let program = std::env::args_os().next().map_or("sluice".into(), PathBuf::from);
    format!(
        "\
Sluice demo. Everything runs on this machine; Ctrl-C stops it.

  gateway   {base}
  docs      {base}/docs
  status    http://{admin}/status
  upstream  {endpoint} (simulated: answers in 80 ms, allows two calls a second)

1. A team asks for its app. The upstream sees one signed call; the team never sees the key:

curl -i -H 'Authorization: Bearer {classroom}' '{base}/apps/classroom/distribution?{week}&dim=province'

2. Paste it again: `Cache-Status: sluice; hit`. A settled answer never costs a second call.

3. The last 24 hours, which are still moving. Every dashboard that asks this shares one call:

curl -i -H 'Authorization: Bearer {classroom}' '{base}/apps/classroom/distribution?from=now-24h&to=now&dim=country'

4. Another team asks for the first one's app. For it there is no such app:

curl -i -H 'Authorization: Bearer {meetings}' '{base}/apps/classroom/distribution?{week}&dim=province'

   Its own app answers:

curl -i -H 'Authorization: Bearer {meetings}' '{base}/apps/meetings/distribution?{week}&dim=province'

5. Ask for eight days and read why not:

curl -i -H 'Authorization: Bearer {classroom}' '{base}/apps/classroom/distribution?from=now-8d&to=now&dim=province'

6. See what it cost: the budget, the queue, what is held, and what the upstream saw:

{program} status --admin http://{admin}
curl {endpoint}/_simulator/arrivals

Each request and each upstream call is logged below.
",
        program = program.display(),
        admin = addresses.admin,
        endpoint = upstream.endpoint(),
    )
}
