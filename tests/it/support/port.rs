//! Ports for servers that go away while others still try to reach them. One that the system gave out could meanwhile
//! become another test's, or that of the very client that tries, which would then meet itself.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nobody has, below those that the system gives away by itself.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 200).expect("below 200") * 100;
    let candidates = std::iter::repeat_with(|| 10_000 + offset + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000);
    let mut free = candidates.take(2_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("2000 ports are never all taken")
}
