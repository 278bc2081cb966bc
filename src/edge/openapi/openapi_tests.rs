//! The description names what there is, and nothing else.

use std::collections::BTreeSet;

use axum::Router;
use serde_json::Value;

use crate::edge::catalogue::CATALOGUE;
use crate::edge::router::{self, Shared};
use crate::query::PARAMETERS;

fn description() -> Value {
    serde_json::to_value(router::routes().2).unwrap()
}

/// Every operation, with its path.
fn operations(description: &Value) -> Vec<(String, Value)> {
    let paths = description["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let operations = item.as_object().unwrap().values();
        operations.map(|operation| (path.clone(), operation.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

/// The paths of a router, which it shows to nobody but the debugger.
fn paths(router: &Router<Shared>) -> Vec<String> {
    let shown = format!("{router:?}");
    let (own, _) = shown.split_once("fallback_router").unwrap();
    own.split('"').filter(|text| text.starts_with('/')).map(str::to_owned).collect()
}

fn names<'v>(values: impl IntoIterator<Item = &'v Value>) -> BTreeSet<&'v str> {
    values.into_iter().map(|value| value.as_str().unwrap()).collect()
}

/// All places of the tree where an object has this member.
fn members<'v>(value: &'v Value, name: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(object) => {
            found.extend(object.get(name));
            object.values().for_each(|value| members(value, name, found));
        }
        Value::Array(values) => values.iter().for_each(|value| members(value, name, found)),
        _ => (),
    }
}

#[test]
fn the_head_is_cargos() {
    let description = description();
    assert_eq!(description["openapi"], "3.1.0");
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(description["info"]["description"], env!("CARGO_PKG_DESCRIPTION"));
}

#[test]
fn a_problem_of_every_code_is_described_with_its_status_and_no_other() {
    let mut met = BTreeSet::new();
    for (path, operation) in operations(&description()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let problem = &response["content"]["application/problem+json"];
            assert_eq!(problem.is_null(), status.parse::<u16>().unwrap() < 400, "{path} {status}");
            for (slug, example) in problem["examples"].as_object().into_iter().flatten() {
                let code = CATALOGUE.into_iter().find(|code| code.entry().slug == slug).unwrap();
                assert_eq!(example["value"]["status"].to_string(), *status, "{path} {slug}");
                assert_eq!(code.entry().status.as_str(), status, "{path} {slug}");
                for header in code.header().iter().map(http::HeaderName::as_str) {
                    let described = response["headers"].as_object().unwrap();
                    assert!(described.keys().any(|name| name.eq_ignore_ascii_case(header)), "{path} {slug} {header}");
                }
                met.insert(slug.clone());
            }
        }
    }
    assert_eq!(met, CATALOGUE.iter().map(|code| code.entry().slug.to_owned()).collect());
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let (for_callers, for_all, description) = router::routes();
    let routed: BTreeSet<_> = [for_callers, for_all].iter().flat_map(paths).collect();
    assert_eq!(routed, description.paths.paths.keys().cloned().collect());
    assert!(routed.contains("/apps/{app}/distribution"));
}

#[test]
fn what_needs_a_caller_is_what_asks_for_a_token() {
    let for_callers = paths(&router::routes().0);
    for (path, operation) in operations(&description()) {
        assert_eq!(for_callers.contains(&path), operation["security"][0]["bearer"].is_array(), "{path}");
        assert_eq!(operation["responses"]["401"].is_object(), operation["security"].is_array(), "{path}");
    }
}

#[test]
fn the_questions_parameters_are_described_and_no_others() {
    let operations = operations(&description());
    let (_, operation) = operations.iter().find(|(path, _)| path.ends_with("/distribution")).unwrap();
    let parameters = operation["parameters"].as_array().unwrap();
    let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    assert_eq!(names(query.map(|parameter| &parameter["name"])), BTreeSet::from(PARAMETERS));
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let description = description();
    let mut references = Vec::new();
    members(&description, "$ref", &mut references);
    assert!(!references.is_empty());
    for reference in names(references) {
        let target = description.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference}");
    }
    let operations = operations(&description);
    assert_eq!(names(operations.iter().map(|(_, operation)| &operation["operationId"])).len(), operations.len());
}
