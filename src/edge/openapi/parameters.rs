//! What the operations read, beside the token. Patterns are of the decoded values, and take whatever the gateway takes.

use serde_json::Value;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use super::super::catalogue::CATALOGUE;
use super::super::docs::ASSETS;
use crate::model::{Dimension, Indicator};

/// A tenant's or an app's name; see `model::is_word`.
const WORD: &str = "^[A-Za-z0-9._~-]{1,64}$";
/// The three spellings of a time. A space stands where a `+` arrived unescaped.
const TIME: &str = concat!(
    "^([0-9]{4}-[0-9]{2}-[0-9]{2}",
    "([Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([Zz]|[+ -][0-9]{2}:[0-9]{2}))?",
    "|now(-[0-9]{1,6}[mhd])?)$"
);
const SPELLINGS: &str = "RFC 3339 with whole seconds and an offset (`2026-11-01T00:00:00+08:00`), a date \
     (`2026-11-01`: its midnight in the gateway's zone), or `now`, `now-90m`, `now-24h`, `now-7d`, rounded down to the \
     gateway's grid.";

/// Of every request.
pub(in super::super) struct Traced;
/// Of `GET /apps`.
pub(in super::super) struct ForApps;
/// Of `GET /apps/{app}/distribution`.
pub(in super::super) struct ForDistribution;
/// Of `GET /problems/{code}`.
pub(in super::super) struct CodePath;
/// Of `GET /docs/{file}`.
pub(in super::super) struct AssetPath;

impl IntoParams for Traced {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            header(
                "X-Request-Id",
                "Names the request: kept if it is 1 to 128 letters, digits, `-`, `_` or `.`, else replaced.",
                text(),
            ),
            header("traceparent", "W3C Trace Context. One that cannot be read is ignored.", text()),
        ]
    }
}

impl IntoParams for ForApps {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let tenant = "One of the token's tenants, on whose behalf the request is. Any other is a 400.";
        let tenant = header("Sluice-Tenant", tenant, text().pattern(Some(WORD)));
        [vec![tenant], Traced::into_params(|| None)].concat()
    }
}

impl IntoParams for ForDistribution {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let query = |name: &str, required, text: &str, schema: ObjectBuilder, example| {
            let required = if required { Required::True } else { Required::False };
            parameter(name, ParameterIn::Query, required, text, schema, example)
        };
        let time =
            || text().pattern(Some(TIME)).examples(["2026-11-01T00:00:00+08:00", "2026-11-01", "now", "now-24h"]);
        let own = vec![
            path(
                "app",
                "The app's name in the caller's tenant, or its AppId.",
                text().pattern(Some(WORD)),
                "classroom",
            ),
            query(
                "from",
                true,
                &format!("When the window begins, itself included. {SPELLINGS}"),
                time(),
                "now-7d".into(),
            ),
            query(
                "to",
                true,
                &format!("When the window ends, itself excluded: after `from`, by at most seven days. {SPELLINGS}"),
                time(),
                "now".into(),
            ),
            query(
                "dim",
                true,
                "By what the users are broken down.",
                text().enum_values(Some(Dimension::ALL.map(Dimension::as_str))),
                Dimension::Province.as_str().into(),
            ),
            query(
                "indicator",
                false,
                "What is counted; it may be left out.",
                text().enum_values(Some([Indicator::UserNum.as_str()])),
                Indicator::UserNum.as_str().into(),
            ),
            header(
                "Prefer",
                "`wait=N` (RFC 7240): wait at most N whole seconds for a turn at the upstream. Anything else is ignored.",
                text(),
            ),
            header(
                "Cache-Control",
                "`only-if-cached`: never spend a call; 504 `not-cached` when no fresh answer is held. Anything else is \
                 ignored.",
                text(),
            ),
            header("If-None-Match", "Entity tags that the caller holds: 304 when one is this answer's.", text()),
        ];
        [own, ForApps::into_params(|| None)].concat()
    }
}

impl IntoParams for CodePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let codes = CATALOGUE.map(|code| code.entry().slug);
        vec![path("code", "The last part of a problem's `type`.", text().enum_values(Some(codes)), codes[0])]
    }
}

impl IntoParams for AssetPath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let names = ASSETS.map(|(name, _)| name);
        vec![path("file", "What the page of `/docs` is made of.", text().enum_values(Some(names)), names[0])]
    }
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// Without an example: the page would fill it in, and send it with every request that is tried there.
fn header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    parameter(name, ParameterIn::Header, Required::False, description, schema, Value::Null)
}

fn path(name: &str, description: &str, schema: ObjectBuilder, example: &str) -> Parameter {
    parameter(name, ParameterIn::Path, Required::True, description, schema, example.into())
}

fn parameter(
    name: &str,
    place: ParameterIn,
    required: Required,
    description: &str,
    schema: ObjectBuilder,
    example: Value,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(Some(description))
        .schema(Some(schema))
        .example((!example.is_null()).then_some(example))
        .build()
}
