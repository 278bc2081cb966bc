//! Requests of two tenants in any order over the same connections: each is answered with its own tenant's data. And how
//! long a refusal takes does not tell whether the app is another tenant's or nobody's.

#![expect(clippy::print_stdout, reason = "the figures are what is promised")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{APPS_PER_TENANT, House, Plan, app_id, settled_day};

const CONNECTIONS: usize = 32;
const RULES: &str = r#"tenant_rules = [{ value = "/sluice/*", tenant = "*" }]"#;
const PAIR: [&str; 2] = ["red", "green"];

/// A connection that is kept and speaks HTTP/1.1 by hand, which costs less than the gateway does.
struct Line {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A status and a body.
type Answer = (u16, String);

impl Line {
    async fn open(house: &House) -> Self {
        let stream = TcpStream::connect(house.gateway.addresses().public).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::new() }
    }

    /// Sends these requests at once and reads their answers, in order.
    async fn ask(&mut self, requests: &[String]) -> Vec<Answer> {
        self.stream.write_all(requests.concat().as_bytes()).await.unwrap();
        let mut answers = Vec::new();
        for _ in requests {
            answers.push(self.answer().await);
        }
        assert!(self.received.is_empty(), "an answer that nobody asked for");
        answers
    }

    async fn answer(&mut self) -> Answer {
        let head = loop {
            match self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break String::from_utf8(self.received.drain(..end + 4).collect()).unwrap(),
                None => self.receive().await,
            }
        };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        while self.received.len() < length {
            self.receive().await;
        }
        let body = String::from_utf8(self.received.drain(..length).collect()).unwrap();
        (head[9..12].parse().unwrap(), body)
    }

    async fn receive(&mut self) {
        let read = self.stream.read_buf(&mut self.received).await.unwrap();
        assert!(read > 0, "the gateway closed a connection that is kept");
    }
}

fn request(token: &str, app: &str, headers: &str) -> String {
    let (from, to) = settled_day(0);
    format!(
        "GET /apps/{app}/distribution?from={from}&to={to}&dim=province HTTP/1.1\r\nHost: sluice.test\r\n\
         Authorization: Bearer {token}\r\n{headers}\r\n"
    )
}

/// A house in which the answers about all apps of both tenants are held, and those answers.
async fn house_of_two() -> (House, HashMap<(usize, usize), Answer>) {
    let upstream = sluice::simulator::Settings { limit: 1000, ..Default::default() };
    let plan = Plan { upstream, issuer_toml: RULES, ..Plan::default() }.with_toml("[budget]\ncalls = 100");
    let house = plan.build().await;
    let mut line = Line::open(&house).await;
    let mut held = HashMap::new();
    for (tenant, name) in PAIR.iter().enumerate() {
        let token = house.token_of(&[&format!("/sluice/{name}")]);
        for app in 0..APPS_PER_TENANT {
            let answer = line.ask(&[request(&token, &format!("app-{app}"), "")]).await.remove(0);
            assert_eq!(answer.0, 200, "{answer:?}");
            held.insert((tenant, app), answer);
        }
    }
    let distinct: std::collections::HashSet<_> = held.values().collect();
    assert_eq!(distinct.len(), 2 * APPS_PER_TENANT, "apps have to differ for this to mean anything");
    (house, held)
}

/// Sends so many requests over many connections and gives the number of wrong answers. Every fourth request is for an app
/// of the other tenant's, by its AppId, and every eighth is of a caller who speaks for both and acts as one.
async fn wrong_of(total: usize) -> usize {
    let (house, held) = house_of_two().await;
    let calls = house.calls();
    let both = house.token_of(&["/sluice/red", "/sluice/green"]);
    let tokens: Vec<_> = PAIR.iter().map(|name| house.token_of(&[&format!("/sluice/{name}")])).collect();
    let (tokens, held) = (Arc::new((tokens, both)), Arc::new(held));
    let mut workers = JoinSet::new();
    let began = Instant::now();
    for worker in 0..CONNECTIONS {
        let mut line = Line::open(&house).await;
        let (tokens, held) = (Arc::clone(&tokens), Arc::clone(&held));
        workers.spawn(async move {
            let (mut asked, mut wrong) = (0, 0);
            let share = total / CONNECTIONS + usize::from(worker < total % CONNECTIONS);
            while asked < share {
                // From one to four at a time, so that answers also follow each other within one packet.
                let batch: Vec<_> = (asked..share.min(asked + 1 + asked % 4)).map(|n| n + worker * 7919).collect();
                let plan = batch.iter().map(|number| {
                    let (tenant, app) = (number % 2, number / 2 % APPS_PER_TENANT);
                    let foreign = number / 2 % 4 == 3;
                    let owner = if foreign { 1 - tenant } else { tenant };
                    let name = if foreign || number % 3 == 0 { app_id(PAIR[owner], app) } else { format!("app-{app}") };
                    let acting = format!("Sluice-Tenant: {}\r\n", PAIR[tenant]);
                    let of_both = number / 2 % 8 == 5;
                    let request = if of_both {
                        request(&tokens.1, &name, &acting)
                    } else {
                        request(&tokens.0[tenant], &name, "")
                    };
                    (request, (!foreign).then(|| &held[&(tenant, app)]))
                });
                let (requests, expected): (Vec<_>, Vec<_>) = plan.unzip();
                for (answer, expected) in line.ask(&requests).await.iter().zip(expected) {
                    let right = match expected {
                        Some(expected) => answer == expected,
                        None => answer.0 == 404 && answer.1.contains("/problems/app-not-found"),
                    };
                    wrong += usize::from(!right);
                }
                asked += batch.len();
            }
            (asked, wrong)
        });
    }
    let done = workers.join_all().await;
    let (asked, wrong): (Vec<_>, Vec<_>) = done.into_iter().unzip();
    let (asked, wrong) = (asked.iter().sum::<usize>(), wrong.iter().sum::<usize>());
    println!("{wrong} wrong of {asked} interleaved requests over {CONNECTIONS} connections, in {:?}", began.elapsed());
    assert_eq!(asked, total);
    assert_eq!(house.calls(), calls, "held answers need no call");
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_3000_interleaved_requests_is_answered_with_another_tenants_data() {
    assert_eq!(wrong_of(3_000).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: `cargo test --test it interleaved:: -- --ignored --nocapture`"]
async fn none_of_100000_interleaved_requests_is_answered_with_another_tenants_data() {
    assert_eq!(wrong_of(100_000).await, 0);
}

/// Times for each of `apps`, so many times in turns, sorted.
async fn times(house: &House, apps: &[String], rounds: usize) -> Vec<Vec<Duration>> {
    let token = house.token_of(&["/sluice/red"]);
    let requests: Vec<_> = apps.iter().map(|app| [request(&token, app, "")]).collect();
    let mut line = Line::open(house).await;
    let mut taken = vec![Vec::with_capacity(rounds); apps.len()];
    for round in 0..rounds {
        for turn in 0..apps.len() {
            let which = (round + turn) % apps.len();
            let began = Instant::now();
            let answers = line.ask(&requests[which]).await;
            taken[which].push(began.elapsed());
            assert_eq!(answers[0].0, 404);
        }
    }
    for times in &mut taken {
        times.sort_unstable();
    }
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_app_takes_as_long_as_one_that_does_not_exist() {
    let (house, _) = house_of_two().await;
    // As long as each other; both foreign ones are held.
    let apps = [app_id("green", 0), app_id("green", 9), "greex0000000000000000".to_owned(), "a".repeat(21)];
    assert!(apps.iter().all(|app| app.len() == apps[0].len()));
    let medians: Vec<_> = times(&house, &apps, 1_000).await.iter().map(|times| times[times.len() / 2]).collect();
    println!(
        "median of a refusal: foreign {:?}, {:?}; unknown {:?}, {:?}",
        medians[0], medians[1], medians[2], medians[3]
    );
    let apart = medians.iter().max().unwrap().abs_diff(*medians.iter().min().unwrap());
    assert!(apart < Duration::from_millis(1), "told apart by {apart:?}");
}
