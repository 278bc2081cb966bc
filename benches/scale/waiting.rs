//! A hundred callers to each of a thousand questions, none of which is answered yet: what they hold in memory, and how soon the
//! last of them is let go when the answers come.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::Request;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use super::certificates::Certificates;
use super::gateway::{Gateway, Setting};
use super::page::mebibytes;
use super::questions::Questions;
use super::table::{count, millis, table};
use super::{Plan, Stage};

/// As many streams as the gateway takes on a connection.
const STREAMS: usize = 100;
const FLIGHTS: usize = 1_000;
/// Room for an answer on each stream.
const WINDOW: u32 = 64 * 1024;

/// What it comes to, as a table.
pub(crate) fn measure(stage: &Stage, plan: &Plan) -> String {
    let certificates = Certificates::new();
    let (certificate, key) = certificates.server();
    let keys = format!(
        "server.tls_cert_file = \"{}\"\nserver.tls_key_file = \"{}\"\nserver.max_in_flight = 1000000\n\
         queue.max_wait = \"600s\"\nqueue.per_tenant = 1000000\nupstream.timeout = \"300s\"\n\
         budget.calls = {FLIGHTS}\nbudget.per = \"10ms\"\nbudget.guard = \"10ms\"",
        certificate.display(),
        key.display()
    );
    let setting = Setting { upstream: stage.upstream.address, issuer: &stage.issuer, keys: &keys, tenants: 0 };
    let gateway = Gateway::start(stage.place.path(), &setting);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(wait(stage, plan, &gateway, &certificates))
}

async fn wait(stage: &Stage, plan: &Plan, gateway: &Gateway, certificates: &Certificates) -> String {
    let tls = connector(certificates);
    let empty = gateway.server.resident();
    let mut connections = Vec::new();
    for _ in 0..plan.waiting / STREAMS {
        connections.push(connect(&tls, gateway).await);
    }
    let connected = gateway.server.resident();

    stage.upstream.set_open(false);
    let (questions, token) = (Questions::new(), stage.issuer.token(0));
    let released = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    let began = gateway.server.computed();
    for (connection, sender) in connections.iter_mut().enumerate() {
        for stream in 0..STREAMS {
            // Those on one connection ask different questions.
            let target = questions.target((connection * STREAMS + stream) % FLIGHTS);
            let answer = ask(sender, &target, &token).await;
            callers.spawn(finish(answer, Arc::clone(&released)));
        }
        tokio::task::yield_now().await;
    }
    let flights = FLIGHTS.min(plan.waiting);
    let mut computed = began;
    // All are seated when each question is asked and there is nothing left to compute.
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = gateway.server.computed();
        if stage.upstream.waiting() == flights && now.saturating_sub(computed) < Duration::from_millis(50) {
            break;
        }
        computed = now;
    }
    assert_eq!(released.load(Ordering::SeqCst), 0, "somebody did not wait");
    let (seated, before) = (gateway.server.resident(), gateway.server.computed());
    println!("{} callers wait for {flights} answers", callers.len());

    let opened = Instant::now();
    stage.upstream.set_open(true);
    while let Some(ended) = callers.join_next().await {
        ended.unwrap();
    }
    let took = opened.elapsed();
    let used = gateway.server.computed().saturating_sub(before);
    let each = |bytes: u64, number: usize| format!("{:.1} KiB", bytes as f64 / number as f64 / 1024.0);
    table(
        &[
            "callers",
            "connections",
            "questions",
            "RSS",
            "of a connection",
            "of a caller",
            "released in",
            "CPU for it",
            "RSS then",
        ],
        &[vec![
            count(plan.waiting),
            count(connections.len()),
            count(flights),
            mebibytes(Some(seated as f64)),
            each(connected - empty, connections.len()),
            each(seated - connected, plan.waiting),
            millis(took),
            millis(used),
            mebibytes(Some(gateway.server.resident() as f64)),
        ]],
    )
}

fn connector(certificates: &Certificates) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(certificates.authority()).unwrap()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

async fn connect(tls: &TlsConnector, gateway: &Gateway) -> SendRequest<Bytes> {
    let address = gateway.server.address;
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let stream = tls.connect(ServerName::from(address.ip()), stream).await.unwrap();
    let streams = u32::try_from(STREAMS).unwrap();
    let mut builder = Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW * streams);
    let (sender, connection) = builder.handshake(stream).await.unwrap();
    // It ends with the gateway.
    tokio::spawn(async { drop(connection.await) });
    sender
}

async fn ask(sender: &mut SendRequest<Bytes>, target: &str, token: &str) -> ResponseFuture {
    let request = Request::get(format!("https://sluice.test{target}"));
    let request = request.header("authorization", format!("Bearer {token}")).header("user-agent", "bench");
    *sender = sender.clone().ready().await.unwrap();
    sender.send_request(request.body(()).unwrap(), true).unwrap().0
}

async fn finish(answer: ResponseFuture, released: Arc<AtomicUsize>) {
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    while let Some(part) = body.data().await {
        let length = part.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
    }
    released.fetch_add(1, Ordering::SeqCst);
}
