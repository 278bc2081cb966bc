//! The scripts in a real server against their model, move by move: same answers, same hash.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::json;

use super::script::{Answer, Hash, Lengths};
use crate::store::tests::redis::Redis;

const SLOTS: usize = 2;
const REPLICAS: [&str; 3] = ["nobody", "a", "b"];
const EPOCH: i64 = 1_700_000_000_000_000;
const OWN: u8 = 1;
const OTHER: u8 = 2;

#[derive(Clone, Copy, Debug)]
enum Move {
    Claim {
        me: u8,
        bids: bool,
        late: bool,
        lengths: Lengths,
    },
    /// By the fence of the latest grant of this slot, or by an older one.
    Settle {
        slot: usize,
        me: u8,
        older: bool,
        frees: Option<i64>,
    },
    /// Forward or back.
    Clock(i64),
    LoseData,
    AnotherServer,
}

fn some_move() -> impl Strategy<Value = Move> {
    let lengths = (1..2_000_000i64, 0..3_000_000i64, 0..1_000_000i64).prop_map(|(hold, more, pause)| Lengths {
        hold,
        longest: hold + more,
        pause,
    });
    prop_oneof![
        12 => (1..=2u8, prop::bool::weighted(0.8), prop::bool::weighted(0.1), lengths)
            .prop_map(|(me, bids, late, lengths)| Move::Claim { me, bids, late, lengths }),
        6 => (0..SLOTS, 1..=2u8, prop::bool::weighted(0.2), prop::option::weighted(0.8, 0..2_000_000i64))
            .prop_map(|(slot, me, older, frees)| Move::Settle { slot, me, older, frees }),
        12 => (0..1_500_000i64).prop_map(Move::Clock),
        1 => (-20_000_000..20_000_000i64).prop_map(Move::Clock),
        1 => Just(Move::LoseData),
        1 => Just(Move::AnotherServer),
    ]
}

/// Runs both scripts with the time that each step brings, and tells after each what it said and what the hash holds.
fn driver() -> String {
    let script = |text: &str| {
        assert_eq!(text.matches("redis.call('TIME')").count(), 1, "the time is asked for once");
        text.replace("redis.call('TIME')", "NOW")
    };
    let (claim, settle) = (script(include_str!("../shared/claim.lua")), script(include_str!("../shared/settle.lua")));
    format!(
        "local NOW
         local function claim(KEYS, ARGV) {claim} end
         local function settle(KEYS, ARGV) {settle} end
         local own, said = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)'), {{}}
         redis.call('FLUSHALL')
         for _, step in ipairs(cjson.decode(ARGV[1])) do
           NOW = step.now
           local answer = ''
           if step.kind == 'claim' then
             local reply = claim(step.keys, step.argv)
             answer = reply[2]
             if answer == 'granted' then answer = 'granted ' .. reply[3][1] .. ' ' .. string.format('%.0f', reply[3][2]) end
             if answer == 'wait' then answer = 'wait ' .. string.format('%.0f', reply[3]) end
           elseif step.kind == 'settle' then answer = 'owns ' .. settle(step.keys, step.argv)[2]
           elseif step.kind == 'lose' then redis.call('DEL', 'slots')
           elseif step.kind == 'other' then redis.call('HSET', 'slots', 'run_id', 'other') end
           -- Whose turn it is, is another matter.
           redis.call('DEL', 'turns', 'bids')
           local run_id = redis.call('HGET', 'slots', 'run_id')
           local holds = run_id == own and '1' or run_id == 'other' and '2' or '-'
           for slot = 0, {SLOTS} - 1 do
             for _, field in ipairs({{ 'owner:', 'fence:', 'until:' }}) do
               holds = holds .. ' ' .. (redis.call('HGET', 'slots', field .. slot) or '-')
             end
           end
           table.insert(said, answer .. ' | ' .. holds)
         end
         return cjson.encode(said)"
    )
}

/// The steps for the driver, and what the model says to each.
fn modelled(moves: &[Move]) -> (Vec<serde_json::Value>, Vec<String>) {
    let (mut hash, mut now) = (Hash::of(SLOTS), EPOCH);
    let mut fences = [0_i64; SLOTS];
    let mut steps = Vec::new();
    let mut said = Vec::new();
    for (number, step) in moves.iter().enumerate() {
        let mut keys = vec!["slots".to_owned(), "turns".to_owned()];
        let mut argv: Vec<String> = Vec::new();
        let (kind, answer) = match *step {
            Move::Claim { me, bids, late, lengths } => {
                let not_after = if late { now - 1 } else { now };
                keys.push("bids".to_owned());
                let fixed = [not_after, 2, lengths.hold, lengths.longest, lengths.pause, 3_000_000, 60_000, 3000];
                argv.push(REPLICAS[usize::from(me)].to_owned());
                argv.extend(fixed.map(|number| number.to_string()));
                argv.extend(["news".to_owned(), "flight:".to_owned()]);
                if bids {
                    keys.push(format!("flight:{number}"));
                    argv.extend(["tenant", "1", &number.to_string(), "0", "1"].map(str::to_owned));
                }
                let answer = hash.claim(OWN, now, me, bids, not_after, lengths);
                (
                    "claim",
                    match answer {
                        Answer::Late => "late".to_owned(),
                        Answer::Granted { slot, fence } => {
                            fences[slot] = fence;
                            format!("granted {slot} {fence}")
                        }
                        Answer::Wait(left) => format!("wait {left}"),
                        Answer::Idle => "wait 0".to_owned(),
                    },
                )
            }
            Move::Settle { slot, me, older, frees } => {
                let fence = fences[slot] - i64::from(older);
                let me_named = REPLICAS[usize::from(me)].to_owned();
                let frees_text = frees.map_or(String::new(), |frees| frees.to_string());
                argv.extend([slot.to_string(), me_named, fence.to_string(), frees_text, "news".to_owned()]);
                argv.extend([const { String::new() }; 2]);
                argv.push("1".to_owned());
                ("settle", format!("owns {}", u8::from(hash.settle(now, slot, me, fence, frees))))
            }
            Move::Clock(by) => {
                now += by;
                ("clock", String::new())
            }
            Move::LoseData => {
                hash.forget();
                ("lose", String::new())
            }
            Move::AnotherServer => {
                hash.run_id = Some(OTHER);
                ("other", String::new())
            }
        };
        let time = [(now / 1_000_000).to_string(), (now % 1_000_000).to_string()];
        steps.push(json!({ "kind": kind, "now": time, "keys": keys, "argv": argv }));
        let shown = |number: Option<i64>| number.map_or("-".to_owned(), |number| number.to_string());
        let mut holds = shown(hash.run_id.map(i64::from));
        for fields in &hash.slots {
            let owner = fields.owner.map_or("-", |owner| REPLICAS[usize::from(owner)]);
            for field in [owner, &shown(fields.fence), &shown(fields.until)] {
                holds.push(' ');
                holds.push_str(field);
            }
        }
        said.push(format!("{answer} | {holds}"));
    }
    (steps, said)
}

#[tokio::test]
async fn the_scripts_do_what_their_model_does() {
    let redis = Redis::running().await;
    let driver = driver();
    let config = ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() };
    let moves = prop::collection::vec(some_move(), 1..80);
    let granted = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&moves, |moves| {
            let (steps, modelled) = modelled(&moves);
            let said = redis.cli(&["EVAL", &driver, "0", &serde_json::to_string(&steps).unwrap()]);
            let said: Vec<String> = serde_json::from_str(&said).unwrap();
            granted.set(granted.get() + said.iter().filter(|said| said.starts_with("granted")).count());
            for (number, (said, modelled)) in said.iter().zip(&modelled).enumerate() {
                prop_assert_eq!(said, modelled, "after move {}", number);
            }
            prop_assert_eq!(said.len(), modelled.len());
            Ok(())
        })
        .unwrap();
    assert!(granted.get() > 100, "only {} slots were granted", granted.get());
}
