//! An upstream that answers in the vendor's envelope, as fast as it can or when it is told to: what the simulator verifies and
//! remembers of each call would be the limit here.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::server::free_address;

/// So many make an envelope of about 3 KB.
const REGIONS: usize = 42;

/// The upstream, on a thread of its own to the end of the program.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    desk: Arc<Desk>,
}

struct Desk {
    open: watch::Sender<bool>,
    /// Calls that wait for it to open.
    waiting: AtomicUsize,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        let address = free_address();
        let desk = Arc::new(Desk { open: watch::Sender::new(true), waiting: AtomicUsize::new(0) });
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let served = Arc::clone(&desk);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, served));
        });
        Self { address, desk }
    }

    /// Holds its answers back from now on, or gives all that it has held back.
    pub(crate) fn set_open(&self, open: bool) {
        self.desk.open.send_replace(open);
    }

    /// How many answers it holds back.
    pub(crate) fn waiting(&self) -> usize {
        self.desk.waiting.load(Ordering::SeqCst)
    }
}

async fn serve(listener: std::net::TcpListener, desk: Arc<Desk>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let service = service_fn(|request| desk.answer(request));
            // A gateway that has ended takes its connections with it.
            let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

impl Desk {
    async fn answer(&self, call: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let asked = call.into_body().collect().await?.to_bytes();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        let answer = Response::builder().header("content-type", "application/json");
        Ok(answer.body(Full::new(envelope(&asked).into())).unwrap())
    }
}

/// What is answered to this call: always the same, and to each another.
pub(crate) fn envelope(asked: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    asked.hash(&mut hasher);
    let mut chance = fastrand::Rng::with_seed(hasher.finish());
    let mut data = String::with_capacity(4096);
    for region in 0..REGIONS {
        let (value, proportion) = (chance.u32(1000..1_000_000), chance.u32(1000..9999));
        let comma = if region == 0 { "" } else { "," };
        let _infallible = write!(
            data,
            "{comma}{{\"DistributionName\":\"地区{region:02}\",\"Value\":{value}.0,\"Proportion\":{}.{:02}}}",
            proportion / 100,
            proportion % 100
        );
    }
    format!(
        "{{\"ResponseMetadata\":{{\"RequestId\":\"{:032X}\",\"Action\":\"ListOperationDistribution\",\"Version\":\"2020-12-01\",\
         \"Service\":\"rtc\",\"Region\":\"cn-north-1\"}},\"Result\":{{\"Name\":\"user_num\",\"Dimension\":\"province\",\"Data\":[{data}]}}}}",
        chance.u128(..)
    )
}
