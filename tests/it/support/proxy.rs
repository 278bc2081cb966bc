//! A TCP proxy on this machine that cuts connections, refuses new ones, and stops what the server says at a mark.
//!
//! Stands on nothing else of the support, so that the library's own tests can include it by path.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A way to one server. It ends when dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    listening: JoinHandle<()>,
}

struct State {
    target: SocketAddr,
    refusing: AtomicBool,
    /// Counts the cuts; a connection ends at the first that it sees.
    cuts: watch::Sender<u64>,
    trap: Mutex<Option<Trap>>,
}

/// What is waited for, who is told, and who lets go.
struct Trap {
    mark: &'static [u8],
    caught: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// A trap as the test holds it. Dropping it lets go.
pub(crate) struct Catch {
    caught: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Proxy {
    pub(crate) async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            target,
            refusing: AtomicBool::new(false),
            cuts: watch::Sender::new(0),
            trap: Mutex::default(),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&state)));
        Self { address, state, listening }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection.
    pub(crate) fn cut(&self) {
        self.state.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Whether new connections are closed as soon as they are made.
    pub(crate) fn refuse(&self, refusing: bool) {
        self.state.refusing.store(refusing, Ordering::SeqCst);
    }

    /// Holds back the next words of the server that complete this mark, on whichever connection.
    pub(crate) fn catch(&self, mark: &'static [u8]) -> Catch {
        let ((tell, caught), (release, released)) = (oneshot::channel(), oneshot::channel());
        *self.state.trap.lock().unwrap() = Some(Trap { mark, caught: tell, released });
        Catch { caught, release }
    }
}

impl Catch {
    /// Whether something is held back. Tells it once.
    pub(crate) fn is_caught(&mut self) -> bool {
        self.caught.try_recv().is_ok()
    }

    /// Lets go of it.
    pub(crate) fn release(self) {
        // The connection may have been cut in the meantime.
        let _gone = self.release.send(());
    }
}

async fn listen(listener: TcpListener, state: Arc<State>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        if state.refusing.load(Ordering::SeqCst) {
            continue;
        }
        // Subscribed before the connection is served, so that no cut is missed.
        let mut cuts = state.cuts.subscribe();
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            tokio::select! {
                () = serve(client, &state) => {}
                _ = cuts.changed() => {}
            }
        });
    }
}

async fn serve(client: TcpStream, state: &State) {
    let Ok(server) = TcpStream::connect(state.target).await else { return };
    for stream in [&client, &server] {
        stream.set_nodelay(true).unwrap();
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        () = carry(from_client, to_server, None) => {}
        () = carry(from_server, to_client, Some(state)) => {}
    }
}

/// Carries until either end is gone.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, traps: Option<&State>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut words = Vec::new();
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if let Some(state) = traps {
            words.extend_from_slice(&buffer[..length]);
            if let Some(trap) = state.sprung(&words, length) {
                // Whoever set the trap may be gone, which lets go.
                let _told = trap.caught.send(());
                let _released = trap.released.await;
            }
            words.drain(..words.len().saturating_sub(LONGEST_MARK));
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// What is remembered of the words before: a mark may come in pieces.
const LONGEST_MARK: usize = 64;

impl State {
    /// The trap, if its mark is completed within the last `new` bytes of these words.
    fn sprung(&self, words: &[u8], new: usize) -> Option<Trap> {
        let completed = |trap: &mut Trap| {
            let begin = (words.len() - new).saturating_sub(trap.mark.len() - 1);
            words[begin..].windows(trap.mark.len()).any(|part| part == trap.mark)
        };
        self.trap.lock().unwrap().take_if(completed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
        self.cut();
    }
}
