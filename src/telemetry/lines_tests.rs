//! Lines and who writes them: how they gather, what is lost, and how it ends.

use std::io::Write as _;
use std::sync::mpsc;

use proptest::prelude::*;

use super::*;

/// For what is done at once, on a machine that has much else to do.
const SOON: Duration = Duration::from_secs(20);

fn tell(lines: &Lines, line: &str) {
    (&mut &*lines).write_all(line.as_bytes()).unwrap();
}

/// Lines, and the pieces as they are written: one whenever the test takes one.
fn read_by_hand() -> (Arc<Lines>, mpsc::Receiver<String>) {
    let (written, pieces) = mpsc::sync_channel(0);
    let lines = Lines::new();
    let write = move |piece: &[u8]| drop(written.send(String::from_utf8_lossy(piece).into_owned()));
    lines.start(write).unwrap();
    (lines, pieces)
}

/// Waits until who writes sleeps or is gone.
fn until(lines: &Lines, writer: Writer) {
    while lines.lock().writer != writer {
        thread::yield_now();
    }
}

#[test]
fn a_line_is_written_soon_and_nobody_asks_for_it() {
    let (lines, pieces) = read_by_hand();
    for line in ["first\n", "second\n"] {
        until(&lines, Writer::Idle);
        tell(&lines, line);
        assert_eq!(pieces.recv_timeout(SOON).unwrap(), line);
    }
}

#[test]
fn what_was_told_is_written_in_its_order_and_nothing_twice() {
    let (lines, pieces) = read_by_hand();
    let reader = thread::spawn(move || pieces.iter().collect::<String>());
    let tellers: Vec<_> = (0..4)
        .map(|teller| {
            let lines = Arc::clone(&lines);
            thread::spawn(move || (0..5000).for_each(|line| tell(&lines, &format!("{teller} {line}\n"))))
        })
        .collect();
    for teller in tellers {
        teller.join().unwrap();
    }
    lines.end();
    until(&lines, Writer::Gone);
    let mut next = [0; 4];
    // The writer is gone and with it the channel's other end.
    for line in reader.join().unwrap().lines() {
        let (teller, line) = line.split_once(' ').unwrap();
        let next = &mut next[teller.parse::<usize>().unwrap()];
        assert_eq!(line.parse(), Ok(*next));
        *next += 1;
    }
    assert_eq!((next, lines.lost()), ([5000; 4], 0));
}

#[test]
fn one_wake_is_enough_for_many_lines() {
    // Nobody writes: what the states say is what a teller would do.
    let lines = Lines::new();
    for (writer, already, then) in [
        (Writer::Idle, 0, Writer::Awake),
        (Writer::Awake, 0, Writer::Awake),
        (Writer::Gathering, 0, Writer::Gathering),
        (Writer::Gathering, PIECE, Writer::Awake),
    ] {
        let mut waiting = lines.lock();
        waiting.writer = writer;
        waiting.lines = vec![b'\n'; already];
        drop(waiting);
        tell(&lines, "one\n");
        assert!(lines.lock().writer == then, "{already} bytes");
    }
}

#[test]
fn beyond_the_room_lines_are_lost_and_counted_and_those_before_are_whole() {
    let lines = Lines::new();
    let line = format!("{}\n", "x".repeat(999));
    for _ in 0..=ROOM / 1000 {
        tell(&lines, &line);
    }
    assert_eq!((lines.lost(), lines.lock().lines.len()), (1, ROOM / 1000 * 1000));
    tell(&lines, "there is room for this\n");
    assert_eq!(lines.lost(), 1);
    let whole = line.repeat(ROOM / 1000) + "there is room for this\n";
    let (written, pieces) = mpsc::channel();
    lines.start(move |piece| written.send(piece.to_vec()).unwrap()).unwrap();
    lines.end();
    until(&lines, Writer::Gone);
    let pieces: Vec<_> = pieces.try_iter().collect();
    assert!(pieces.len() > 1 && pieces.iter().all(|piece| piece.len() <= PIECE && piece.ends_with(b"\n")));
    assert!(pieces.concat() == whole.as_bytes());
}

#[test]
fn an_end_writes_what_waits_and_what_is_told_later_is_lost() {
    let (lines, pieces) = read_by_hand();
    let reader = thread::spawn(move || pieces.iter().collect::<String>());
    tell(&lines, "before\n");
    lines.end();
    tell(&lines, "after\n");
    assert_eq!(lines.lost(), 1);
    lines.end();
    until(&lines, Writer::Gone);
    assert_eq!(reader.join().unwrap(), "before\n");
}

#[test]
fn an_end_does_not_wait_for_a_reader_that_never_reads() {
    let (lines, pieces) = read_by_hand();
    tell(&lines, "nobody reads this\n");
    lines.end();
    assert!(lines.lock().writer == Writer::Awake, "it still writes");
    drop(pieces);
    until(&lines, Writer::Gone);
}

#[test]
fn room_that_was_needed_once_is_given_back() {
    let (lines, pieces) = read_by_hand();
    tell(&lines, &"x\n".repeat(KEPT));
    (0..2 * KEPT / PIECE).for_each(|_| drop(pieces.recv_timeout(SOON).unwrap()));
    for _ in 0..2 {
        tell(&lines, "small\n");
        assert_eq!(pieces.recv_timeout(SOON).unwrap(), "small\n");
        until(&lines, Writer::Idle);
        assert!(lines.lock().lines.capacity() <= KEPT);
    }
}

/// Takes what it is told to.
struct Narrow {
    steps: Vec<io::Result<usize>>,
    taken: Vec<u8>,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = self.steps.pop().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        self.taken.extend_from_slice(&bytes[..most]);
        Ok(most)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.steps.pop().unwrap_or(Ok(0)).map(drop)
    }
}

#[test]
fn a_place_that_takes_little_or_nothing_for_a_moment_gets_all_of_it() {
    let moment = |kind: io::ErrorKind| Err(kind.into());
    let steps = vec![
        moment(io::ErrorKind::WouldBlock),
        Ok(100),
        Ok(2),
        moment(io::ErrorKind::Interrupted),
        moment(io::ErrorKind::WouldBlock),
        Ok(3),
    ];
    let mut narrow = Narrow { steps, taken: Vec::new() };
    write_whole(&mut narrow, b"a line\n").unwrap();
    assert_eq!((narrow.taken.as_slice(), narrow.steps.len()), (&b"a line\n"[..], 0));
    let mut gone = Narrow { steps: vec![moment(io::ErrorKind::BrokenPipe), Ok(2)], taken: Vec::new() };
    assert_eq!(write_whole(&mut gone, b"a line\n").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    let mut full = Narrow { steps: vec![Ok(0)], taken: Vec::new() };
    assert_eq!(write_whole(&mut full, b"a line\n").unwrap_err().kind(), io::ErrorKind::WriteZero);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..Default::default() })]

    #[test]
    fn pieces_are_whole_lines_and_no_longer_than_they_have_to_be(
        lengths in prop::collection::vec(prop_oneof![1..400_usize, 1..2 * PIECE], 1..8),
    ) {
        let lines: Vec<u8> = lengths.iter().flat_map(|length| [vec![b'x'; length - 1], b"\n".to_vec()].concat()).collect();
        let mut rest = &*lines;
        while !rest.is_empty() {
            let (piece, others) = rest.split_at(piece(rest));
            prop_assert!(piece.ends_with(b"\n"));
            prop_assert!(piece.len() <= PIECE || !piece[..piece.len() - 1].contains(&b'\n'));
            rest = others;
        }
    }
}
