//! What each way that a call can end does to a new master key and to the one before it.

use secrecy::SecretString;

use super::*;
use crate::upstream::fault::Fault;

const OLD: &str = "AKLT-old-old-old-0001";
const NEW: &str = "AKLT-new-new-new-0002";

fn credentials(id: &str) -> Credentials {
    Credentials {
        access_key_id: SecretString::from(id),
        secret_access_key: SecretString::from("s"),
        session_token: None,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn app(id: &str) -> AppId {
    AppId::parse(id).unwrap()
}

/// A ring whose new key waits for its trial.
fn rotating() -> Keyring {
    let ring = Keyring::new(credentials(OLD), at(0));
    ring.propose(credentials(NEW), at(1));
    ring
}

/// How a call about this app ends that is signed with whichever key is due: with which it was, and whether another is
/// worth it.
fn ends(ring: &Keyring, about: &str, fault: Option<&Fault>, second: i64) -> (&'static str, bool) {
    let loan = ring.borrow(&app(about), at(second));
    let signed = if loan.key.credentials.are(&credentials(NEW)) { NEW } else { OLD };
    (signed, loan.judge(&app(about), fault, at(second)))
}

/// Which key is in force, whether one waits, and whether one was refused.
fn stands(ring: &Keyring) -> (bool, bool, bool) {
    let Standing { key_id, successor, rejected, .. } = ring.standing();
    (key_id == credentials(NEW).masked_id(), successor.is_some(), rejected.is_some())
}

const WAITS: (bool, bool, bool) = (false, true, false);
const IN_FORCE: (bool, bool, bool) = (true, false, false);
const REFUSED: (bool, bool, bool) = (false, false, true);

#[test]
fn only_what_needs_an_accepted_signature_puts_a_new_key_in_force() {
    let coded = Fault::documented;
    let status = |status| Fault::classify(status, None, None);
    for (fault, expected, another) in [
        (None, IN_FORCE, false),
        (Some(coded("InvalidParameter.NotExistAppId")), IN_FORCE, false),
        (Some(coded("InvalidParameter.OutofTimeRange")), IN_FORCE, false),
        (Some(coded("SignatureDoesNotMatch")), REFUSED, true),
        (Some(coded("InvalidAccessKey")), REFUSED, true),
        (Some(status(401)), REFUSED, true),
        // What may be said before anybody looks at the signature, by the vendor or by something in between.
        (Some(coded("MissingParameter")), WAITS, false),
        (Some(coded("ServiceNotFound")), WAITS, false),
        (Some(coded("InvalidActionOrVersion")), WAITS, false),
        (Some(coded("FlowLimitExceeded")), WAITS, false),
        (Some(coded("InvalidTimestamp")), WAITS, false),
        (Some(status(400)), WAITS, false),
        (Some(status(404)), WAITS, false),
        (Some(status(431)), WAITS, false),
        (Some(status(502)), WAITS, false),
        (Some(Fault::of(Kind::TimedOut)), WAITS, false),
        (Some(Fault::of(Kind::Unreachable)), WAITS, false),
        (Some(Fault::of(Kind::Malformed)), WAITS, false),
    ] {
        let ring = rotating();
        assert_eq!(ends(&ring, "a", fault.as_ref(), 2), (NEW, another), "{fault:?}");
        assert_eq!(stands(&ring), expected, "{fault:?}");
        let next = if expected == REFUSED { OLD } else { NEW };
        assert_eq!(ends(&ring, "b", None, 3).0, next, "the next call after {fault:?}");
    }
}

#[test]
fn one_call_tries_and_the_others_are_signed_with_the_old_key() {
    let ring = rotating();
    let trial = ring.borrow(&app("a"), at(2));
    assert_eq!(ends(&ring, "b", Some(&Fault::documented("SignatureDoesNotMatch")), 2), (OLD, false));
    assert_eq!(stands(&ring), WAITS, "what the old key meets says nothing about the new one");
    // It was given up: nothing was told, so the next one tries.
    drop(trial);
    assert_eq!(ends(&ring, "b", None, 3), (NEW, false));
    assert_eq!(stands(&ring), IN_FORCE);
}

#[test]
fn a_key_that_may_not_read_an_app_which_the_old_one_may_is_refused() {
    for denied in [Fault::documented("AccessDenied.NoPermissionForApp"), Fault::classify(403, None, None)] {
        let ring = rotating();
        assert_eq!(ends(&ring, "a", Some(&denied), 2), (NEW, true), "the old key is worth a call");
        assert_eq!(ends(&ring, "b", None, 2), (OLD, false), "another app compares nothing");
        assert_eq!(stands(&ring), WAITS);
        assert_eq!(ends(&ring, "a", None, 3), (OLD, false));
        assert_eq!(stands(&ring), REFUSED);
        assert_eq!(ring.standing().rejected.map(|rejection| rejection.fault), Some(denied));
    }
}

#[test]
fn an_app_that_neither_key_may_read_refuses_no_key() {
    let (ring, denied) = (rotating(), Fault::documented("AccessDenied.NoPermissionForApp"));
    assert_eq!(ends(&ring, "a", Some(&denied), 2), (NEW, true));
    assert_eq!(ends(&ring, "a", Some(&Fault::of(Kind::TimedOut)), 3), (OLD, false), "that told nothing");
    assert_eq!(ends(&ring, "a", Some(&denied), 4), (OLD, false));
    assert_eq!(stands(&ring), WAITS);
    assert_eq!(ends(&ring, "a", Some(&denied), 5), (OLD, false), "not every call about it costs another");
    assert_eq!(ends(&ring, "b", None, 14), (NEW, false));
    assert_eq!(stands(&ring), IN_FORCE);
}

#[test]
fn where_nobody_asks_for_the_app_again_another_question_tries() {
    let ring = rotating();
    assert_eq!(ends(&ring, "a", Some(&Fault::documented("LackPolicy")), 2), (NEW, true));
    assert_eq!(ends(&ring, "b", None, 31), (OLD, false));
    assert_eq!(ends(&ring, "b", None, 32), (NEW, false));
    assert_eq!(stands(&ring), IN_FORCE);
}

#[test]
fn the_fate_of_a_key_that_another_has_replaced_does_not_matter() {
    let ring = rotating();
    let trial = ring.borrow(&app("a"), at(2));
    ring.propose(credentials("AKLT-newer-newer-0003"), at(3));
    assert!(trial.judge(&app("a"), Some(&Fault::documented("InvalidAccessKey")), at(4)), "the old key is worth a call");
    assert_eq!(stands(&ring), WAITS);
    let trial = ring.borrow(&app("a"), at(5));
    ring.propose(credentials(OLD), at(6));
    assert!(!trial.judge(&app("a"), None, at(7)));
    assert_eq!(stands(&ring), (false, false, false), "who goes back to the old key keeps it");
}

#[test]
fn a_refusal_is_known_until_the_key_is_taken_or_another_is_configured() {
    let (ring, refused) = (rotating(), Fault::documented("InvalidAccessKey"));
    assert_eq!(ends(&ring, "a", Some(&refused), 2), (NEW, true));
    ring.propose(credentials(NEW), at(3));
    assert_eq!(stands(&ring), (false, true, true), "it is tried again, and was refused");
    assert_eq!(ends(&ring, "a", None, 4), (NEW, false));
    assert_eq!(stands(&ring), IN_FORCE);
    ring.propose(credentials("AKLT-newer-newer-0003"), at(5));
    assert!(ends(&ring, "a", Some(&refused), 6).1);
    ring.propose(credentials(NEW), at(7));
    assert_eq!(stands(&ring), IN_FORCE, "who goes back to the key in force has no refused one");
}
