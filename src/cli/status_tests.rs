//! What the page of `sluice status` says.

use serde_json::json;

use super::*;

const NOW: &str = "2026-11-27T12:00:00Z";

fn told(ready: &Value, status: &Value) -> String {
    page(ready, status, NOW.parse().unwrap())
}

#[test]
fn a_quiet_gateway_fits_on_a_few_lines() {
    let status = json!({
        "version": "0.1.0", "uptime_seconds": 11_520,
        "budget": {"slots": 2, "free": 1, "guard_ms": 100, "calls_sent": 1, "calls_throttled": 0},
        "upstream": {"last_success": "2026-11-27T11:59:57Z", "last_fault": null, "clock_ahead_seconds": 0,
            "breaker": {"state": "closed", "open_seconds": null, "faults_in_a_row": 0, "probes": 0, "refused": 0}},
        "queue": {"waiting": {}, "flying": 0},
        "cache": {"answers": 412, "bytes": 3_250_586, "max_bytes": 268_435_456},
        "issuers": [{"issuer": "https://sso.example.com", "keys": 4, "keys_from": "discovery",
            "keys_fetched_at": "2026-11-27T11:58:00Z", "keys_fault": null}],
        "config": {"generation": 4, "in_force_since": "2026-11-25T10:00:00Z", "needs_restart": []},
        "master_key": {"key_id": "AKLT…aaaa", "read_at": "2026-11-27T11:00:00Z", "successor": null, "rejected": null},
        "audit": {"place": "stdout", "records": 7, "late_turns": 0, "fault": null},
    });
    let expected = "\
sluice      0.1.0, ready, up 3 h 12 min
budget      ■□ 1 of 2 slots taken, guard 100 ms
            1 call sent since the start, 0 throttled
upstream    last answered 3 s ago
queue       0 waiting for a turn, 0 being asked
cache       412 answers, 3.1 MiB of 256.0 MiB
issuers     https://sso.example.com: 4 keys from discovery, fetched 2 min ago
config      generation 4, put in force 2 d 2 h ago
master key  AKLT…aaaa, read 1 h 0 min ago
audit       7 lines in stdout
";
    assert_eq!(told(&json!({"ready": true, "reasons": []}), &status), expected);
}

#[test]
fn what_is_wrong_stands_out() {
    let status = json!({
        "version": "0.1.0", "uptime_seconds": 5,
        "budget": {"slots": 2, "free": 0, "guard_ms": 1000, "calls_sent": 9, "calls_throttled": 3,
            "foreign_spend_suspected": 2, "foreign_spend_suspected_at": "2026-11-27T11:46:00Z"},
        "upstream": {"last_success": null, "clock_ahead_seconds": -1200,
            "breaker": {"state": "open", "open_seconds": 42, "faults_in_a_row": 45, "probes": 40, "refused": 812},
            "last_fault": {"at": "2026-11-27T11:59:50Z", "kind": "throttled", "code": "FlowLimitExceeded"}},
        "queue": {"waiting": {"red": 30, "orange": 1}, "flying": 2},
        "issuers": [{"issuer": "https://sso.example.com", "keys": 0, "keys_from": "discovery",
            "keys_fault": "cannot connect to sso.example.com"}],
        "config": {"generation": 1, "needs_restart": ["server.drain"], "last_reload": "2026-11-27T11:58:00Z",
            "last_reload_fault": "line 3 is wrong; line 4 too", "last_reload_mistakes": ["line 3 is wrong", "line 4 too"]},
        "master_key": {"key_id": "AKLT…aaaa", "successor": "AKLT…bbbb",
            "rejected": {"key_id": "AKLT…cccc", "at": "2026-11-27T11:59:00Z", "upstream_code": "InvalidAccessKey"}},
        "store": {"hosts": "redis:6379", "fault": "connection refused"},
        "audit": {"place": "/var/log/sluice/audit.jsonl", "records": 1, "late_turns": 2, "fault": "No space left on device",
            "failing_since": "2026-11-27T11:57:00Z"},
    });
    let page = told(&json!({"ready": false, "reasons": ["draining"]}), &status);
    for line in [
        "sluice      0.1.0, NOT READY, up 5 s",
        "            ! draining",
        "budget      ■■ 2 of 2 slots taken, guard 1000 ms",
        "            ! 2 throttles that our calls do not explain, the last 14 min ago: does somebody",
        "upstream    has not answered yet",
        "            ! the breaker is open for 42 s: the last 45 calls failed,",
        "              40 probes sent and 812 requests refused since",
        "            ! our clock is 20 min ahead of the upstream's, by which calls are signed: mend it",
        "            ! last failed 10 s ago: throttled (FlowLimitExceeded)",
        "queue       31 waiting for a turn, 2 being asked",
        "            red       30 ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇",
        "            orange     1 ▇",
        "            ! cannot connect to sso.example.com",
        "            ! waits for a restart: server.drain",
        "            ! the last reload, 2 min ago, changed nothing:",
        "              line 4 too",
        "            AKLT…bbbb is to follow it, and waits to be tried on a question",
        "            ! AKLT…cccc was refused 1 min ago (InvalidAccessKey); the one above stays in force",
        "redis       ! away (redis:6379): connection refused",
        "audit       1 line in /var/log/sluice/audit.jsonl, 2 records too slow for their turn",
        "            ! nothing can be recorded for 3 min, and no call is sent:",
        "              No space left on device",
    ] {
        assert!(page.lines().any(|told| told == line), "{line}\n---\n{page}");
    }
}

#[test]
fn what_is_over_is_told_and_does_not_stand_out() {
    let status = json!({
        "budget": {"foreign_spend_suspected": 1, "foreign_spend_suspected_at": "2026-11-27T11:29:59Z"},
        "upstream": {"last_success": "2026-11-27T11:59:51Z",
            "last_fault": {"at": "2026-11-27T11:59:50Z", "kind": "failing", "code": null}},
    });
    let page = told(&json!({"ready": true}), &status);
    assert!(page.contains("  1 throttle that our calls do not explain, the last 30 min ago"), "{page}");
    assert!(page.contains("  last failed 10 s ago: failing"), "{page}");
    assert!(!page.contains('!'), "{page}");
}
