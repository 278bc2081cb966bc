//! The load generator: HTTP/1.1 over connections that are kept alive, on one thread of its own core.
//!
//! It reads every answer to its end and holds its status against what is expected, so that no figure counts refusals. At a
//! rate, a request's time counts from when it was due: an answer that is late delays nobody's clock (no coordinated
//! omission).

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use memchr::{memchr, memmem};
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

/// What is asked, and how hard.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Whole requests, sent in turn.
    pub(crate) requests: &'a [Vec<u8>],
    /// The only status that counts.
    pub(crate) status: &'a str,
    pub(crate) pace: Pace,
    pub(crate) lasts: Duration,
}

#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each connection asks again as soon as it is answered. Who asks never sleeps: to wake it would cost the server, whose
    /// callers are elsewhere, more than the answer.
    Saturating,
    /// The same from a core that has other work, too.
    Sharing,
    /// So many requests a second, evenly, on whichever connection is free.
    Rate(f64),
}

/// What came of it.
pub(crate) struct Measured {
    pub(crate) answers: u64,
    pub(crate) took: Duration,
    /// Nanoseconds from sending, or from when it was due.
    pub(crate) latencies: Histogram<u64>,
}

impl Measured {
    pub(crate) fn per_second(&self) -> f64 {
        self.answers as f64 / self.took.as_secs_f64()
    }

    pub(crate) fn quantile(&self, quantile: f64) -> Duration {
        Duration::from_nanos(self.latencies.value_at_quantile(quantile))
    }
}

struct Connection {
    stream: TcpStream,
    /// Since when its request counts; `None` while it has none.
    since: Option<Instant>,
    reply: Box<[u8]>,
    filled: usize,
}

/// Longer than any answer that is measured.
const LONGEST_REPLY: usize = 64 * 1024;
/// The longest that it takes to be woken.
const WAKING: Duration = Duration::from_micros(200);
const LENGTH: &[u8] = b"content-length:";

impl Load<'_> {
    /// Runs it.
    pub(crate) fn run(self) -> Measured {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let mut connections: Vec<_> = (0..self.connections).map(|number| self.open(&epoll, number)).collect();
        let mut free: Vec<_> = (0..connections.len()).rev().collect();
        let mut latencies = Histogram::new_with_max(60_000_000_000, 3).unwrap();
        let mut events = Vec::with_capacity(self.connections);
        let mut sent = 0_u64;
        let began = Instant::now();
        let until = began + self.lasts;
        loop {
            loop {
                let (due, now) = (self.due(began, sent), Instant::now());
                if due > now || now >= until {
                    break;
                }
                let Some(number) = free.pop() else { break };
                let since = if matches!(self.pace, Pace::Rate(_)) { due } else { now };
                connections[number].ask(self.request(sent), since);
                sent += 1;
            }
            events.clear();
            let timeout = self.sleeps(began, sent, free.is_empty());
            match epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut events), Some(&timeout)) {
                // Who is stopped for a moment is interrupted in its sleep.
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => panic!("{error}"),
            }
            for event in &events {
                let number = usize::try_from(event.data.u64()).unwrap();
                if let Some(since) = connections[number].read(self.status) {
                    latencies.saturating_record(u64::try_from(since.elapsed().as_nanos()).unwrap());
                    free.push(number);
                }
            }
            if free.len() == connections.len() && Instant::now() >= until {
                break;
            }
        }
        Measured { answers: latencies.len(), took: began.elapsed(), latencies }
    }

    /// When the next request is due.
    fn due(&self, began: Instant, sent: u64) -> Instant {
        match self.pace {
            Pace::Saturating | Pace::Sharing => began,
            Pace::Rate(rate) => began + Duration::from_secs_f64(sent as f64 / rate),
        }
    }

    /// How long it may sleep before it looks again, unless an answer comes.
    fn sleeps(&self, began: Instant, sent: u64, all_busy: bool) -> Timespec {
        let longest = Duration::from_millis(100);
        let idle = match self.pace {
            // To wake up costs more than the time between two requests, where they are many; the rest is waited for awake.
            Pace::Rate(_) if !all_busy => {
                self.due(began, sent).saturating_duration_since(Instant::now()).saturating_sub(WAKING).min(longest)
            }
            Pace::Saturating => Duration::ZERO,
            Pace::Sharing | Pace::Rate(_) => longest,
        };
        Timespec { tv_sec: 0, tv_nsec: i64::from(idle.subsec_nanos()) }
    }

    fn request(&self, number: u64) -> &[u8] {
        &self.requests[usize::try_from(number).unwrap() % self.requests.len()]
    }

    fn open(&self, epoll: &OwnedFd, number: usize) -> Connection {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(epoll, &stream, data, epoll::EventFlags::IN).unwrap();
        Connection { stream, since: None, reply: vec![0; LONGEST_REPLY].into(), filled: 0 }
    }
}

impl Connection {
    fn ask(&mut self, request: &[u8], since: Instant) {
        self.since = Some(since);
        // A request fits into the socket's buffer, which is empty: the last one was answered.
        let written = self.stream.write(request).unwrap();
        assert_eq!(written, request.len());
    }

    /// Reads what has come; since when the request counted, if that was the end of its answer.
    fn read(&mut self, status: &str) -> Option<Instant> {
        self.filled += match self.stream.read(&mut self.reply[self.filled..]) {
            Ok(0) => panic!("the connection was closed: {}", String::from_utf8_lossy(&self.reply[..self.filled])),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => panic!("{error}"),
        };
        let reply = &self.reply[..self.filled];
        let whole = length(reply)?;
        if reply.len() < whole {
            return None;
        }
        assert!(reply[9..12] == *status.as_bytes(), "{}", String::from_utf8_lossy(reply));
        assert_eq!(reply.len(), whole, "more than one answer");
        self.filled = 0;
        self.since.take()
    }
}

/// How long the answer is that begins here, head and body; `None` before its head is whole.
fn length(reply: &[u8]) -> Option<usize> {
    let head = memmem::find(reply, b"\r\n\r\n")? + 4;
    let mut rest = &reply[..head];
    while let Some(end) = memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end + 1);
        if line.get(..LENGTH.len()).is_some_and(|name| name.eq_ignore_ascii_case(LENGTH)) {
            let digits = std::str::from_utf8(&line[LENGTH.len()..]).unwrap();
            return Some(head + digits.trim().parse::<usize>().unwrap());
        }
        rest = after;
    }
    // A 304 has neither.
    Some(head)
}
