//! What is taken for a distribution, and what is not.

use super::*;
use crate::upstream::config::Names;

fn province() -> (Question, Names) {
    let question = Question::sample("661e1c9d2b9f4a0017e843cf");
    (question, Names::new("user_num", "Province", "Country"))
}

fn said(status: u16, body: &str) -> Result<usize, Kind> {
    let (question, names) = province();
    let meaning = read(status, body.as_bytes(), &question, &names);
    meaning.regions.map(|regions| regions.len()).map_err(|fault| fault.kind)
}

fn result(json: &str) -> Result<usize, Kind> {
    said(200, &format!(r#"{{"ResponseMetadata":{{"RequestId":"r"}},"Result":{json}}}"#))
}

const ROW: &str = r#"{"DistributionName":"上海","Value":666,"Proportion":66.66}"#;

#[test]
fn a_distribution_is_read_in_the_vendors_order_whatever_else_it_holds() {
    let (question, names) = province();
    let body = format!(
        r#"{{"Result":{{"Data":[{ROW},{{"DistributionName":"北京","Value":1e3,"Proportion":0.5,"New":1}}]}}}}"#
    );
    let regions = read(200, body.as_bytes(), &question, &names).regions.unwrap();
    assert_eq!(regions.iter().map(|region| region.name.as_str()).collect::<Vec<_>>(), ["上海", "北京"]);
    assert!((regions[0].value - 666.0).abs() < f64::EPSILON && (regions[1].value - 1000.0).abs() < f64::EPSILON);
}

#[test]
fn an_empty_distribution_must_say_that_it_is_one() {
    assert_eq!(result(r#"{"Name":"user_num","Dimension":"province","Data":null}"#), Ok(0));
    assert_eq!(result(r#"{"Name":"user_count","Dimension":"PROVINCE"}"#), Ok(0));
    assert_eq!(result(r#"{"Data":[]}"#), Ok(0));
    for nonsense in ["{}", "null", "[]", "7", r#"{"Data":null}"#] {
        assert_eq!(result(nonsense), Err(Kind::Malformed), "{nonsense}");
    }
}

#[test]
fn an_answer_by_the_other_dimension_is_no_answer() {
    for (dimension, fine) in
        [("province", true), ("Province", true), ("省", true), ("country", false), ("Country", false)]
    {
        let answer = result(&format!(r#"{{"Dimension":"{dimension}","Data":[{ROW}]}}"#));
        assert_eq!(answer, if fine { Ok(1) } else { Err(Kind::Malformed) }, "{dimension}");
    }
}

#[test]
fn wrong_types_and_numbers_beyond_measure_are_malformed() {
    for row in [
        r#"{"DistributionName":"上海","Value":"666","Proportion":66.66}"#,
        r#"{"DistributionName":5,"Value":666,"Proportion":66.66}"#,
        r#"{"DistributionName":"上海","Value":1e400,"Proportion":66.66}"#,
        r#"{"DistributionName":"上海","Value":null,"Proportion":66.66}"#,
        r#"{"DistributionName":"上海","Value":666}"#,
    ] {
        assert_eq!(result(&format!(r#"{{"Data":[{row}]}}"#)), Err(Kind::Malformed), "{row}");
    }
}

#[test]
fn an_error_is_one_whatever_the_status_and_a_bad_status_whatever_the_body() {
    let inside =
        format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"InternalError"}}}},"Result":{{"Data":[{ROW}]}}}}"#);
    assert_eq!(said(200, &inside), Err(Kind::Failing));
    assert_eq!(said(500, &format!(r#"{{"Result":{{"Data":[{ROW}]}}}}"#)), Err(Kind::Failing));
    assert_eq!(said(302, "<html>"), Err(Kind::Malformed));
    assert_eq!(said(429, "slow down"), Err(Kind::Throttled));
    assert_eq!(said(200, "<html>"), Err(Kind::Malformed));
}
