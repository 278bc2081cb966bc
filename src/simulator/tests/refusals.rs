//! Calls that are refused, and with which code and status.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::super::{RejectStatus, Settings, Verdict};
use super::caller::Call;
use super::{SECOND, simulator};

#[tokio::test]
async fn a_call_that_is_not_signed_rightly_does_not_use_the_limit() {
    let simulator = simulator(Settings { per: 60 * SECOND, ..Settings::default() }).await;
    let good = Call::new(&simulator);
    let mut bad = good.clone();
    bad.settings.secret_access_key.push('x');
    for _ in 0..3 {
        let reply = bad.make().await.expect("an answer");
        assert_eq!((reply.status, reply.code().as_str()), (401, "SignatureDoesNotMatch"));
    }
    assert_eq!(good.make().await.expect("an answer").code(), "");
    let first = simulator.arrivals().first().map(|arrival| arrival.verdict.clone());
    assert_eq!(first, Some(Verdict::Refused("SignatureDoesNotMatch")));
}

#[tokio::test]
async fn each_header_that_matters_must_be_signed() {
    let simulator = simulator(Settings::default()).await;
    for missing in ["content-type", "host", "x-content-sha256", "x-date"] {
        let mut call = Call::new(&simulator);
        call.signed.retain(|name| *name != missing);
        let reply = call.make().await.expect("an answer");
        assert_eq!(reply.code(), "SignatureDoesNotMatch");
        let expected = json!(format!("{missing} is not signed"));
        let message = reply.json().pointer("/ResponseMetadata/Error/Message").cloned();
        assert_eq!(message, Some(expected));
    }
}

#[tokio::test]
async fn an_old_date_and_a_strange_operation_are_refused() {
    let simulator = simulator(Settings::default()).await;
    let call = Call::new(&simulator);
    let mut old = call.clone();
    old.date -= SignedDuration::from_secs(905);
    let reply = old.make().await.expect("an answer");
    assert_eq!((reply.status, reply.code().as_str()), (400, "InvalidTimestamp"));
    for (query, status, code) in [
        ("Action=ListOperationDistribution", 400, "MissingParameter"),
        ("Action=ListUsages&Version=2020-12-01", 404, "InvalidActionOrVersion"),
        ("Action=ListOperationDistribution&Version=2023-11-01", 404, "InvalidActionOrVersion"),
    ] {
        let strange = Call { query: query.to_owned(), ..call.clone() };
        let reply = strange.make().await.expect("an answer");
        assert_eq!((reply.status, reply.code().as_str()), (status, code));
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_with_the_status_of_the_settings() {
    for (reject_status, status) in
        [(RejectStatus::ByVersion, 200), (RejectStatus::Always(StatusCode::BAD_REQUEST), 400)]
    {
        let simulator = simulator(Settings { reject_status, ..Settings::default() }).await;
        let mut call = Call::new(&simulator);
        call.set("Dimension", "city");
        let reply = call.make().await.expect("an answer");
        assert_eq!((reply.status, reply.code().as_str()), (status, "InvalidParameter"));
    }
}

#[tokio::test]
async fn only_listed_apps_exist() {
    let apps = Some(vec!["app-2".to_owned()]);
    let simulator = simulator(Settings { apps, ..Settings::default() }).await;
    let mut call = Call::new(&simulator);
    let missing = call.make().await.expect("an answer");
    assert_eq!(missing.code(), "InvalidParameter.NotExistAppId");
    call.set("AppId", "app-2");
    assert_eq!(call.make().await.expect("an answer").code(), "");
}
