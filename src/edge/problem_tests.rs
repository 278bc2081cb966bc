//! Every refusal has its body, and none says more than it may.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::*;
use crate::auth::Reason;
use crate::edge::CATALOGUE;

fn fault(kind: Kind) -> Refusal {
    // A call that brought nothing brought no id.
    let request_id = (!matches!(kind, Kind::TimedOut | Kind::Paused)).then(|| "2026-abc".into());
    Refusal::Upstream(Fault { kind, code: None, request_id, retry_after: None })
}

fn shut(kind: Kind) -> Shut {
    let fault = Fault { kind, code: None, request_id: Some("2026-abc".into()), retry_after: None };
    Shut { fault, faults: 7, wait: Duration::from_millis(1200) }
}

/// One of every refusal there is; `From<Refusal>` has no catch-all, so a new one must be told there.
fn refusals() -> Vec<Refusal> {
    let kinds = [
        Kind::Throttled,
        Kind::Failing,
        Kind::Unreachable,
        Kind::Broken,
        Kind::TimedOut,
        Kind::Malformed,
        Kind::TooLarge,
        Kind::Clock,
        Kind::Credentials,
        Kind::Denied,
        Kind::Refused,
        Kind::Paused,
    ];
    let wait = Duration::from_millis(2100);
    let own = [
        Refusal::NoToken,
        Refusal::Rejected(Rejected::Unauthorized(Reason::Expired)),
        Refusal::Rejected(Rejected::InsufficientScope { required: vec!["usage:read".into()] }),
        Refusal::Rejected(Rejected::KeysUnavailable { wait }),
        Refusal::NotGranted,
        Refusal::AmbiguousApp,
        Refusal::TenantNotHeld,
        Refusal::Invalid(Invalid::Parameter { name: "from".into(), detail: "is missing".into() }),
        Refusal::Invalid(Invalid::WindowTooLong { limit_seconds: 604_800 }),
        Refusal::Invalid(Invalid::OutsideHorizon { earliest: "2026-10-24T00:00:00+08:00".into() }),
        Refusal::Invalid(Invalid::WindowInFuture { latest: "2026-11-23T00:00:00+08:00".into() }),
        Refusal::NotCached,
        Refusal::BudgetExhausted { wait, impatient: false },
        Refusal::BudgetExhausted { wait, impatient: true },
        Refusal::LineFull { wait },
        Refusal::BudgetUnavailable { wait },
        Refusal::BreakerOpen(shut(Kind::Failing)),
        Refusal::BreakerOpen(shut(Kind::TimedOut)),
        Refusal::StillAsked,
        Refusal::AuditUnavailable,
        Refusal::Draining,
        Refusal::Lost,
    ];
    own.into_iter().chain(kinds.map(fault)).collect()
}

fn problems() -> Vec<Problem> {
    let edge = [
        Problem::not_found(),
        Problem::method_not_allowed("GET, HEAD"),
        Problem::target_too_long(),
        Problem::malformed("Host is missing; send it once."),
        Problem::plain_text(),
        Problem::head_too_large(),
        Problem::too_many_connections(),
        Problem::overloaded(),
        Problem::rate_limited(Duration::from_millis(20)),
        Problem::internal(),
    ];
    refusals().into_iter().map(Problem::from).chain(edge).collect()
}

fn body(problem: &Problem) -> Value {
    serde_json::from_slice(&problem.body("the-id")).unwrap()
}

#[test]
fn every_problem_has_the_members_of_rfc_9457_and_every_code_is_met() {
    let mut met = HashSet::new();
    for problem in problems() {
        let body = body(&problem);
        let entry = problem.code.entry();
        assert_eq!(body["type"], format!("/problems/{}", entry.slug));
        assert_eq!(body["status"], entry.status.as_u16());
        assert_eq!(body["instance"], "the-id");
        for member in ["title", "detail"] {
            let text = body[member].as_str().unwrap();
            assert!(text.len() > 10 && text.chars().next().is_some_and(char::is_uppercase), "{text}");
        }
        met.insert(problem.code);
    }
    assert_eq!(met.len(), CATALOGUE.len(), "a code that nothing leads to, or a problem without an entry");
}

#[test]
fn the_catalogue_knows_what_each_problem_carries_beyond_the_rest() {
    let mut met: HashMap<Code, HashSet<String>> = HashMap::new();
    for problem in problems() {
        let headers: Vec<_> = problem.headers.keys().cloned().collect();
        assert_eq!(headers, Vec::from_iter(problem.code.header()), "{problem:?}");
        met.entry(problem.code).or_default().extend(problem.members.keys().cloned());
    }
    let known = Problem::from(Refusal::Upstream(Fault::documented("InvalidParameter.NotExistAppId")));
    met.entry(known.code).or_default().extend(known.members.keys().cloned());
    for code in CATALOGUE {
        let names: HashSet<_> = code.members().iter().map(|member| member.name.to_owned()).collect();
        assert_eq!(met.get(&code), Some(&names), "{code:?}");
    }
}

#[test]
fn what_time_mends_says_when_and_never_zero() {
    for problem in problems() {
        let status = problem.code.entry().status.as_u16();
        let mends = matches!(status, 429 | 502 | 503) || problem.code == Code::UpstreamTimeout;
        let wait = problem.headers.get(RETRY_AFTER).map(|wait| wait.to_str().unwrap().parse::<u64>().unwrap());
        assert_eq!(wait.is_some(), mends, "{problem:?}");
        assert!(wait.is_none_or(|wait| wait >= 1), "{problem:?}");
    }
    let exhausted = Problem::from(Refusal::BudgetExhausted { wait: Duration::from_millis(2100), impatient: false });
    assert_eq!(exhausted.headers[RETRY_AFTER], "3", "rounded up: nobody comes back too early");
}

#[test]
fn a_refused_token_is_not_told_which_check_failed_but_the_log_is() {
    let problems = Reason::ALL.iter().map(|reason| {
        let problem = Problem::from(Refusal::Rejected(Rejected::Unauthorized(*reason)));
        assert_eq!(problem.label(), reason.label());
        (problem.body("id"), problem.headers.clone())
    });
    let distinct: HashSet<_> = problems.map(|(body, headers)| (body, format!("{headers:?}"))).collect();
    assert_eq!(distinct.len(), 1);
}

#[test]
fn of_a_fault_only_its_documented_code_and_id_are_shown() {
    let problem = Problem::from(fault(Kind::Failing));
    assert_eq!(body(&problem)["upstream_request_id"], "2026-abc");
    assert_eq!(body(&problem).get("upstream_code"), None);
    let known = Fault::documented("InvalidParameter.NotExistAppId");
    assert_eq!(
        body(&Problem::from(Refusal::Upstream(known)))["upstream_code"],
        json!("InvalidParameter.NotExistAppId")
    );
}

#[test]
fn who_is_refused_by_the_breaker_is_told_of_the_latest_fault_and_nothing_of_whose_it_was() {
    let problem = Problem::from(Refusal::BreakerOpen(shut(Kind::Failing)));
    assert_eq!(
        (problem.code, problem.label(), problem.blame()),
        (Code::UpstreamError, "breaker_open", Blame::Upstream)
    );
    assert_eq!(problem.headers[RETRY_AFTER], "2", "when the next probe may go, rounded up");
    let body = body(&problem);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.starts_with("The upstream failed.") && detail.contains("The last 7 calls all failed"), "{detail}");
    assert_eq!(body.get("upstream_request_id"), None);
    assert_eq!(Problem::from(Refusal::BreakerOpen(shut(Kind::TimedOut))).code, Code::UpstreamTimeout);
}

#[test]
fn as_long_as_the_vendor_asks_for_is_passed_on() {
    let Refusal::Upstream(fault) = fault(Kind::Throttled) else { unreachable!() };
    let asks = Fault { retry_after: Some(Duration::from_secs(4)), ..fault };
    assert_eq!(Problem::from(Refusal::Upstream(asks)).headers[RETRY_AFTER], "4");
}

#[test]
fn alerts_can_tell_our_doing_from_theirs() {
    let blames = |blame| problems().iter().filter(|problem| problem.blame() == blame).count();
    assert!(blames(Blame::Caller) >= 10 && blames(Blame::Gateway) >= 8 && blames(Blame::Upstream) >= 7);
    assert_eq!(Problem::internal().blame(), Blame::Gateway);
}
