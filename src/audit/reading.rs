//! Reads the lines back: what a line is, and what became of each call. Calls that are open are kept, and
//! the ids of the last that were closed, so that a file may be of any size.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, BufRead};
use std::rc::Rc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use uuid::Uuid;

use crate::model::is_word;

/// A line of the audit, as far as a summary wants it.
#[derive(Debug, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
enum Line {
    Started {},
    Resumed {},
    Sending { id: String, at: String, tenant: String, app_id: String },
    Ended { id: String, arrived: Option<bool>, outcome: String },
}

/// The same, checked.
enum Understood {
    Mark,
    Begun(Uuid, Begun),
    Ended(Uuid, End),
}

/// A call that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When.
    pub at: Timestamp,
    /// Its day in the zone of the reading.
    pub day: Date,
    /// On whose turn.
    pub tenant: Rc<str>,
    /// About which app.
    pub app_id: Rc<str>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Whether it arrived, where that is known.
    pub arrived: Option<bool>,
    /// The word.
    pub outcome: Rc<str>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's name as given.
    pub file: Rc<str>,
    /// The line, from 1.
    pub line: u64,
}

/// Lines that tell of no call, counted; the first of them by their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strays {
    /// How many.
    pub count: u64,
    /// The first few.
    pub first: Vec<Place>,
}

/// What was read so far.
#[derive(Debug)]
pub(super) struct Reading {
    zone: TimeZone,
    words: HashMap<String, Rc<str>>,
    /// Calls whose end has not been read.
    pub(super) open: HashMap<Uuid, Begun>,
    /// Ends whose call has not been read: files given in another order than they were written, or not all of them.
    pub(super) ends: HashMap<Uuid, End>,
    closed: Closed,
    /// Lines of others, such as the log's on standard output.
    pub(super) others: Strays,
    /// Lines of the audit that are not whole.
    pub(super) torn: Strays,
    /// Lines of the audit.
    pub(super) records: u64,
}

/// The calls that were closed last: where the disk failed, their ends may have been written twice.
#[derive(Debug, Default)]
struct Closed {
    order: VecDeque<Uuid>,
    known: HashSet<Uuid>,
}

/// Many more than are ever written again.
const MOST_CLOSED: usize = 4096;
/// No line of ours is longer. Longer ones are passed over without being held.
const LONGEST: usize = 16 * 1024;
/// Places that are named.
const NAMED: usize = 10;

impl Strays {
    fn note(&mut self, file: &Rc<str>, line: u64) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(Place { file: Rc::clone(file), line });
        }
    }
}

impl Closed {
    fn note(&mut self, id: Uuid) {
        if self.order.len() >= MOST_CLOSED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(id);
        self.known.insert(id);
    }

    fn has(&self, id: Uuid) -> bool {
        self.known.contains(&id)
    }
}

impl Reading {
    pub(super) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            words: HashMap::new(),
            open: HashMap::new(),
            ends: HashMap::new(),
            closed: Closed::default(),
            others: Strays::default(),
            torn: Strays::default(),
            records: 0,
        }
    }

    /// Reads to the end, and hands over each call whose end has been read.
    pub(super) fn read(
        &mut self,
        name: &str,
        mut input: impl BufRead,
        mut whole: impl FnMut(Begun, End),
    ) -> io::Result<()> {
        let file: Rc<str> = name.into();
        let (mut text, mut number) = (Vec::new(), 0);
        while let Some(fits) = next_line(&mut input, &mut text)? {
            number += 1;
            if text.is_empty() {
                continue;
            }
            match serde_json::from_slice(&text) {
                Ok(line) if fits => self.take(line, &file, number, &mut whole),
                _ if is_ours(&text) => self.torn.note(&file, number),
                _ => self.others.note(&file, number),
            }
        }
        Ok(())
    }

    fn take(&mut self, line: Line, file: &Rc<str>, number: u64, whole: &mut impl FnMut(Begun, End)) {
        match self.understand(line) {
            None => return self.torn.note(file, number),
            Some(Understood::Mark) => {}
            Some(Understood::Begun(id, begun)) => match self.ends.remove(&id) {
                Some(end) => {
                    self.closed.note(id);
                    whole(begun, end);
                }
                None => drop(self.open.insert(id, begun)),
            },
            Some(Understood::Ended(id, end)) => match self.open.remove(&id) {
                Some(begun) => {
                    self.closed.note(id);
                    whole(begun, end);
                }
                None if self.closed.has(id) => {}
                None => drop(self.ends.insert(id, end)),
            },
        }
        self.records += 1;
    }

    /// Names are words, here as everywhere: whatever a file holds, a terminal can show it.
    fn understand(&mut self, line: Line) -> Option<Understood> {
        match line {
            Line::Started {} | Line::Resumed {} => Some(Understood::Mark),
            Line::Sending { id, at, tenant, app_id } if is_word(&tenant) && is_word(&app_id) => {
                let at: Timestamp = at.parse().ok()?;
                let day = at.to_zoned(self.zone.clone()).date();
                let begun = Begun { at, day, tenant: self.word(tenant), app_id: self.word(app_id) };
                Some(Understood::Begun(Uuid::parse_str(&id).ok()?, begun))
            }
            Line::Ended { id, arrived, outcome } if is_word(&outcome) => {
                Some(Understood::Ended(Uuid::parse_str(&id).ok()?, End { arrived, outcome: self.word(outcome) }))
            }
            Line::Sending { .. } | Line::Ended { .. } => None,
        }
    }

    /// One allocation for each tenant, app and outcome.
    fn word(&mut self, word: String) -> Rc<str> {
        if let Some(known) = self.words.get(&word) {
            return Rc::clone(known);
        }
        let shared: Rc<str> = word.as_str().into();
        self.words.insert(word, Rc::clone(&shared));
        shared
    }
}

/// The next line without its end, and whether all of it is there; `None` after the last.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<bool>> {
    line.clear();
    let (mut fits, mut any) = (true, false);
    loop {
        let read = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read.is_empty() {
            return Ok(any.then_some(fits));
        }
        any = true;
        let end = read.iter().position(|byte| *byte == b'\n');
        let part = read.get(..end.unwrap_or(read.len())).unwrap_or_default();
        let room = LONGEST.saturating_sub(line.len());
        fits &= part.len() <= room;
        line.extend(part.iter().take(room));
        let used = end.map_or(read.len(), |end| end + 1);
        input.consume(used);
        if end.is_some() {
            return Ok(Some(fits));
        }
    }
}

/// Whether a line that is not understood began as one of ours.
fn is_ours(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 4] =
        [b"{\"record\":\"sending\"", b"{\"record\":\"ended\"", b"{\"record\":\"started\"", b"{\"record\":\"resumed\""];
    let is_short = |beginning: &&[u8]| beginning.starts_with(line);
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning) || is_short(beginning))
}
