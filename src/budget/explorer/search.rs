//! Breadth first through every state that a protocol can come to. No chance is involved: two runs find the same.

use std::collections::HashMap;
use std::fmt;

/// Something that may happen, and what the world is then.
pub(super) struct Step<W> {
    /// As a sentence of a story.
    pub(super) what: What,
    pub(super) world: W,
    /// Where it happens of itself in a world without further faults; the lowest comes first.
    pub(super) calm: Option<u8>,
    /// Somebody was given a slot.
    pub(super) grants: bool,
    /// One arrival too many.
    pub(super) breaks: bool,
}

/// What happens, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    TimePasses,
    Replica(usize, &'static str),
    Vendor(&'static str),
    Store(&'static str),
}

/// A protocol, as it is explored.
pub(super) trait Protocol {
    type World: Clone;

    /// Where it begins.
    fn beginning(&self) -> Self::World;

    /// All that may happen next.
    fn steps(&self, world: &Self::World) -> Vec<Step<Self::World>>;

    /// Worlds with the same key have the same future, but for names.
    fn key(&self, world: &Self::World) -> Vec<u8>;
}

/// What was found.
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) steps: usize,
    /// The shortest way to one arrival too many, a line for each step.
    pub(super) story: Option<String>,
    /// The most ticks from any state to the next grant, once nothing fails any more; `None` where one never comes.
    pub(super) patience: Option<u32>,
}

/// How a state was first come to, and where it leads by itself.
struct Known {
    parent: usize,
    what: What,
    calm: Option<Calm>,
}

#[derive(Clone, Copy)]
struct Calm {
    next: usize,
    ticks: u32,
    grants: bool,
}

/// Looks at everything; ends at the first arrival too many, which breadth makes the nearest one.
pub(super) fn explore<P: Protocol>(protocol: &P) -> Explored {
    let beginning = protocol.beginning();
    let mut index: HashMap<Box<[u8]>, usize> = HashMap::new();
    index.insert(protocol.key(&beginning).into(), 0);
    let mut known = vec![Known { parent: 0, what: What::TimePasses, calm: None }];
    // Worlds are kept until they were looked at, keys for good.
    let mut frontier = vec![(0, beginning)];
    let mut steps = 0;
    while !frontier.is_empty() {
        let mut found = Vec::new();
        for (state, world) in frontier {
            let mut calmest = None;
            for step in protocol.steps(&world) {
                steps += 1;
                if step.breaks {
                    let story = Some(story(&known, state, step.what));
                    return Explored { states: known.len(), steps, story, patience: None };
                }
                let next = *index.entry(protocol.key(&step.world).into()).or_insert_with(|| {
                    known.push(Known { parent: state, what: step.what, calm: None });
                    found.push((known.len() - 1, step.world));
                    known.len() - 1
                });
                let Some(rank) = step.calm else { continue };
                if calmest.is_none_or(|(calmest, _)| rank < calmest) {
                    let ticks = u32::from(step.what == What::TimePasses);
                    calmest = Some((rank, Calm { next, ticks, grants: step.grants }));
                }
            }
            known[state].calm = calmest.map(|(_, calm)| calm);
        }
        frontier = found;
    }
    Explored { states: known.len(), steps, story: None, patience: patience(&known) }
}

/// Follows each state by its calmest steps. A way that comes back to itself never leads to a grant.
fn patience(known: &[Known]) -> Option<u32> {
    let mut ticks_to_grant: Vec<Option<u32>> = vec![None; known.len()];
    let mut on_the_way = vec![false; known.len()];
    for start in 0..known.len() {
        let mut way = Vec::new();
        let mut state = start;
        let mut ticks = loop {
            if let Some(ticks) = ticks_to_grant[state] {
                break ticks;
            }
            if std::mem::replace(&mut on_the_way[state], true) {
                return None;
            }
            let calm = known[state].calm?;
            way.push((state, calm.ticks));
            if calm.grants {
                break 0;
            }
            state = calm.next;
        };
        while let Some((state, passed)) = way.pop() {
            ticks += passed;
            ticks_to_grant[state] = Some(ticks);
        }
    }
    ticks_to_grant.into_iter().max().flatten()
}

fn story(known: &[Known], last: usize, end: What) -> String {
    let mut steps = vec![end];
    let mut state = last;
    while state != 0 {
        steps.push(known[state].what);
        state = known[state].parent;
    }
    let mut now = 0;
    let mut lines = Vec::new();
    for step in steps.into_iter().rev() {
        if step == What::TimePasses {
            now += 1;
        } else {
            lines.push(format!("{now:>3}  {step}"));
        }
    }
    lines.join("\n")
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimePasses => f.write_str("time passes"),
            Self::Replica(number, what) => {
                let name = ["A", "B", "C"].get(*number).unwrap_or(&"?");
                write!(f, "replica {name} {what}")
            }
            Self::Vendor(what) => write!(f, "the vendor {what}"),
            Self::Store(what) => write!(f, "the store {what}"),
        }
    }
}
