//! What happens to the replicas and to what they stand on.

use std::time::Duration;

use fastrand::Rng;
use sluice::auth::Algorithm;
use tokio::time::{Instant, sleep};

use crate::fleet::{GUARD, LEASE};
use crate::house::{BEHIND_THE_PROXY, House, WITH_A_CLOCK};
use crate::support::{Key, app_id};
use crate::weather::Expected;

/// One of a process that is on its way: without Redis, or without keys that have to be fetched.
const STARTING: &[&str] = &["budget-unavailable", "keys-unavailable", "draining"];
const AWAY: &[&str] = &["budget-unavailable"];
/// Longer than any lease.
const STANDSTILL: Duration = Duration::from_millis(3500);
/// Until connections are made again, and who waited has been told.
const FELT: Duration = Duration::from_secs(4);
/// Until a change must be in force everywhere.
const IN_FORCE: Duration = Duration::from_secs(12);
const BAD: &str = "this is no configuration\n";
const GUEST: &str = "guest";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    Kill,
    KillAll,
    Roll,
    Freeze,
    FreezeRedis,
    EmptyRedis,
    Flush,
    Cut,
    Tenants,
    BadFile,
    MasterKey,
    Purge,
    Clock,
    Publisher,
}

/// Those that end processes.
pub(crate) const ENDS: [Disturbance; 3] = [Disturbance::Kill, Disturbance::KillAll, Disturbance::Roll];
/// Those that processes survive.
const SURVIVED: [Disturbance; 11] = [
    Disturbance::Freeze,
    Disturbance::FreezeRedis,
    Disturbance::EmptyRedis,
    Disturbance::Flush,
    Disturbance::Cut,
    Disturbance::Tenants,
    Disturbance::BadFile,
    Disturbance::MasterKey,
    Disturbance::Purge,
    Disturbance::Clock,
    Disturbance::Publisher,
];

/// The disturbances of these names, as the account writes them: `Kill,Clock`.
pub(crate) fn named(names: &str) -> Vec<Disturbance> {
    let by_name = |name: &str| {
        let mut all = ENDS.into_iter().chain(SURVIVED);
        all.find(|disturbance| format!("{disturbance:?}") == name).unwrap_or_else(|| panic!("no disturbance is {name}"))
    };
    names.split(',').map(by_name).collect()
}

/// All of them in some order: every other one ends processes, as long as there are such.
pub(crate) fn shuffled(rng: &mut Rng, with_ends: bool) -> Vec<Disturbance> {
    let (mut ends, mut survived) = (ENDS, SURVIVED);
    rng.shuffle(&mut ends);
    rng.shuffle(&mut survived);
    let mut ends = ends.into_iter().filter(|_| with_ends);
    survived.into_iter().flat_map(|one| std::iter::once(one).chain(ends.next())).collect()
}

impl House {
    pub(crate) async fn disturb(&mut self, disturbance: Disturbance, rng: &mut Rng) {
        let replica = rng.usize(self.fleet.all());
        match disturbance {
            Disturbance::Kill => self.kill(&[replica]).await,
            Disturbance::KillAll => self.kill(&[0, 1, 2]).await,
            Disturbance::Roll => self.roll().await,
            Disturbance::Freeze => self.freeze(replica).await,
            Disturbance::FreezeRedis => self.freeze_redis().await,
            Disturbance::EmptyRedis => self.empty_redis().await,
            Disturbance::Flush => self.flush().await,
            Disturbance::Cut => self.cut().await,
            Disturbance::Tenants => self.tenants().await,
            Disturbance::BadFile => self.bad_file().await,
            Disturbance::MasterKey => self.master_key().await,
            Disturbance::Purge => self.purge(replica).await,
            Disturbance::Clock => self.clock().await,
            Disturbance::Publisher => self.publisher().await,
        }
        self.recovered(format!("{disturbance:?}")).await;
    }

    async fn kill(&mut self, replicas: &[usize]) {
        self.scene.story.tell(&format!("kill -9 of {replicas:?}, and a restart"));
        let expected = Expected { replicas: replicas.to_vec(), codes: STARTING, breaking: true, ..Expected::default() };
        let begun = self.scene.weather.begin(expected);
        for replica in replicas {
            self.watch.gone(*replica);
            self.fleet.kill(*replica);
        }
        let (killed, restarting) = (Instant::now(), Instant::now());
        for replica in replicas {
            self.start(*replica).await;
        }
        if replicas.len() == self.fleet.all().len() {
            self.silent("all replicas killed", killed + GUARD, restarting + LEASE);
        }
        self.connected().await;
        self.scene.weather.end(begun, FELT);
    }

    async fn roll(&mut self) {
        self.scene.story.tell("a rolling restart by SIGTERM");
        for replica in self.fleet.all() {
            let expected = Expected { replicas: vec![replica], codes: STARTING, breaking: true, ..Expected::default() };
            let begun = self.scene.weather.begin(expected);
            self.watch.gone(replica);
            self.fleet.stop(replica).await;
            self.start(replica).await;
            self.connected().await;
            self.scene.weather.end(begun, FELT);
        }
    }

    async fn freeze(&mut self, replica: usize) {
        self.scene.story.tell(&format!("replica {replica} stands still for {STANDSTILL:?}"));
        let replicas = vec![replica];
        // It finds its calls and its Redis late when it goes on.
        let late = Expected { replicas: replicas.clone(), codes: AWAY, sick: true, ..Expected::default() };
        let late = self.scene.weather.begin(late);
        let frozen = self.scene.weather.begin(Expected { replicas, frozen: true, ..Expected::default() });
        self.fleet.signal(replica, "STOP");
        sleep(STANDSTILL).await;
        self.fleet.signal(replica, "CONT");
        self.scene.weather.end(frozen, Duration::ZERO);
        self.connected().await;
        self.scene.weather.end(late, FELT);
    }

    async fn freeze_redis(&mut self) {
        self.scene.story.tell(&format!("Redis stands still for {STANDSTILL:?}"));
        let begun = self.scene.weather.begin(Expected { codes: AWAY, ..Expected::default() });
        self.redis.signal("STOP");
        let stopped = Instant::now();
        sleep(STANDSTILL).await;
        let continued = Instant::now();
        self.redis.signal("CONT");
        self.silent("Redis stands still", stopped + LEASE, continued);
        self.connected().await;
        self.scene.weather.end(begun, FELT);
    }

    async fn empty_redis(&mut self) {
        self.scene.story.tell("Redis is killed, and comes back empty");
        let begun = self.scene.weather.begin(Expected { codes: AWAY, ..Expected::default() });
        self.redis.kill();
        let killed = Instant::now();
        sleep(Duration::from_secs(2)).await;
        let back = Instant::now();
        self.redis.start().await;
        self.silent("Redis came back empty", killed + LEASE, back + LEASE);
        self.connected().await;
        self.scene.weather.end(begun, FELT);
    }

    async fn flush(&mut self) {
        self.scene.story.tell("FLUSHALL");
        let begun = self.scene.weather.begin(Expected { codes: AWAY, ..Expected::default() });
        let before = Instant::now();
        self.redis.cli(&["FLUSHALL"]);
        // What was granted before is still on its way.
        self.silent("FLUSHALL", Instant::now() + GUARD, before + LEASE);
        self.connected().await;
        self.scene.weather.end(begun, FELT);
    }

    async fn cut(&mut self) {
        self.scene.story.tell(&format!("replica {BEHIND_THE_PROXY} alone cannot reach Redis for {STANDSTILL:?}"));
        let expected = Expected { replicas: vec![BEHIND_THE_PROXY], codes: AWAY, ..Expected::default() };
        let begun = self.scene.weather.begin(expected);
        self.proxy.refuse(true);
        self.proxy.cut();
        sleep(STANDSTILL).await;
        self.proxy.refuse(false);
        self.connected().await;
        self.scene.weather.end(begun, FELT);
    }

    async fn tenants(&mut self) {
        self.scene.story.tell("SIGHUP: a tenant comes, and goes again");
        let guest = format!(
            "\n[[tenants]]\nid = \"{GUEST}\"\napps = [{{ name = \"app-0\", app_id = \"{}\" }}]\n",
            app_id(GUEST, 0)
        );
        self.reconfigure(|text| format!("{text}{guest}"));
        self.comes(IN_FORCE, "a new tenant that is not let in", async || self.guest_is_in(true).await).await;
        self.reconfigure(|text| text.replace(&guest, ""));
        self.comes(IN_FORCE, "a tenant that is let in after it went", async || self.guest_is_in(false).await).await;
    }

    /// Whether every replica lets the guest's app be seen, or does not.
    async fn guest_is_in(&self, is_in: bool) -> bool {
        for replica in self.fleet.all() {
            let reply = self.fleet.asker(replica, GUEST).try_send("GET", "/apps", "").await;
            if reply.is_ok_and(|reply| reply.text.contains("app-0")) != is_in {
                return false;
            }
        }
        true
    }

    async fn bad_file(&mut self) {
        self.scene.story.tell("SIGHUP: a file that is no configuration, and the right one again");
        self.reconfigure(|text| format!("{BAD}{text}"));
        self.comes(IN_FORCE, "a bad file that is not told", async || self.last_reload_is(false).await).await;
        self.reconfigure(|text| text.replace(BAD, ""));
        self.comes(IN_FORCE, "a good file that is not taken", async || self.last_reload_is(true).await).await;
    }

    async fn last_reload_is(&self, successful: bool) -> bool {
        let wanted = format!("sluice_config_last_reload_successful {}\n", u8::from(successful));
        for replica in self.fleet.all() {
            let page = self.fleet.operator(replica).try_send("GET", "/metrics", "").await;
            if !page.is_ok_and(|page| page.text.contains(&wanted)) {
                return false;
            }
        }
        true
    }

    async fn master_key(&mut self) {
        self.scene.story.tell("the master key is rotated");
        let [(old, old_secret), (new, new_secret)] = self.master_keys.clone();
        self.reconfigure(|text| text.replace(&old, &new).replace(&old_secret, &new_secret));
        self.master_keys.reverse();
        let signed = async || {
            let arrivals = self.fleet.upstream.arrivals();
            arrivals.iter().rev().take(6).all(|arrival| arrival.access_key_id.as_ref() == Some(&new))
        };
        self.comes(IN_FORCE, "a new master key that is not used", signed).await;
    }

    async fn purge(&mut self, replica: usize) {
        self.scene.story.tell(&format!("everything is purged, at replica {replica}"));
        let reply = self.fleet.operator(replica).send("POST", "/cache/purge", "{}").await;
        if reply.status != 204 {
            self.scene.story.wrong("a purge that did not reach all", &format!("{reply:?}"));
        }
    }

    async fn clock(&mut self) {
        // A refused call is signed anew and sent again, unless its callers have no patience left for another turn.
        let begun = self.scene.weather.begin(Expected { codes: &["upstream-error"], ..Expected::default() });
        // One that the upstream still takes, two that it refuses, and back.
        for offset in ["+10m", "-1h", "+1h", "+0"] {
            self.scene.story.tell(&format!("the clock of replica {WITH_A_CLOCK} is set to {offset}"));
            self.set_clock(offset);
            // It is noticed within three seconds.
            sleep(STANDSTILL).await;
        }
        self.scene.weather.end(begun, FELT);
    }

    async fn publisher(&mut self) {
        self.scene.story.tell("the identity provider publishes another key, withdraws the old one, and goes away");
        let new = Key::new(Algorithm::Es256);
        let token = self.token_of(&new);
        self.provider.publish(&[&self.key, &new]);
        let asker = |replica| self.fleet.asker(replica, "red").with_token(token.clone());
        let accepted = async || {
            for replica in self.fleet.all() {
                if !asker(replica).try_send("GET", "/apps", "").await.is_ok_and(|reply| reply.status == 200) {
                    return false;
                }
            }
            true
        };
        self.comes(IN_FORCE, "a new signing key that is not accepted", accepted).await;
        self.scene.publish(token);
        self.provider.publish(&[&new]);
        self.key = new;
        self.provider.stop().await;
        sleep(STANDSTILL).await;
        self.provider.resume().await;
    }
}
