//! What the operations answer. Problems are generated from the catalogue; each operation lists the codes that it can
//! end with, and no text about them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::{
    AllOfBuilder, ContentBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
};
use utoipa::{IntoResponses, ToSchema};

use super::super::apps::Apps;
use super::super::catalogue::{CATALOGUE, Code, Entry, MEMBERS};
use super::super::distribution::Distribution;

type Responses = BTreeMap<String, RefOr<Response>>;

/// The name of the schema that all problems share.
pub(super) const PROBLEM: &str = "Problem";

/// What any request can meet, whatever it is for.
const EVERYWHERE: [Code; 6] = [
    Code::MalformedRequest,
    Code::MethodNotAllowed,
    Code::TargetTooLong,
    Code::HeadTooLarge,
    Code::InternalError,
    Code::Overloaded,
];
/// Where a caller has to be known. `invalid-parameter` is about `Sluice-Tenant`.
const OF_CALLERS: [Code; 5] =
    [Code::InvalidParameter, Code::Unauthorized, Code::InsufficientScope, Code::RateLimited, Code::KeysUnavailable];
/// What of these is found only after the request was counted for its tenant.
const COUNTED: [Code; 2] = [Code::InvalidParameter, Code::RateLimited];
/// Where a question is asked.
const OF_QUESTIONS: [Code; 11] = [
    Code::AppNotFound,
    Code::WindowTooLong,
    Code::OutsideHorizon,
    Code::WindowInFuture,
    Code::UpstreamError,
    Code::BudgetExhausted,
    Code::BudgetUnavailable,
    Code::AuditUnavailable,
    Code::Draining,
    Code::UpstreamTimeout,
    Code::NotCached,
];

/// Of `GET /apps`.
pub(in super::super) struct OfApps;
/// Of `GET /apps/{app}/distribution`.
pub(in super::super) struct OfDistribution;
/// Of pages.
pub(in super::super) struct OfPage;
/// Of a problem's page.
pub(in super::super) struct OfCode;
/// Of the parts of a page.
pub(in super::super) struct OfAssets;
/// Of the description itself.
pub(in super::super) struct OfDocument;

const HEADERS_OF_ALL: [&str; 2] = ["X-Request-Id", "Vary"];
const HEADERS_OF_TENANTS: [&str; 2] = ["RateLimit", "RateLimit-Policy"];
const HEADERS_OF_ANSWERS: [&str; 4] = ["ETag", "Cache-Control", "Age", "Cache-Status"];
const HEADERS_OF_DOCUMENTS: [&str; 2] = ["ETag", "Cache-Control"];

impl IntoResponses for OfDistribution {
    fn responses() -> Responses {
        let example = json!({
            "app": "classroom", "indicator": "user_num", "dimension": "province",
            "from": "2026-11-01T00:00:00+08:00", "to": "2026-11-08T00:00:00+08:00",
            "final": true, "fetched_at": "2026-11-09T02:00:00Z",
            "data": [{ "name": "上海", "value": 666.0, "proportion": 66.66 }],
        });
        let answer = with_headers("The distribution.", &[&HEADERS_OF_ANSWERS, &HEADERS_OF_TENANTS])
            .content("application/json", content(Ref::from_schema_name(Distribution::name()), [("settled", example)]));
        let unchanged = with_headers(NOT_MODIFIED, &[&HEADERS_OF_ANSWERS, &HEADERS_OF_TENANTS]);
        let codes = [&EVERYWHERE[..], &OF_CALLERS, &OF_QUESTIONS].concat();
        with_problems([("200", answer), ("304", unchanged)], &codes)
    }
}

impl IntoResponses for OfApps {
    fn responses() -> Responses {
        let app = json!({ "name": "classroom", "app_id": "661e1c9d2b9f4a0017e843cf" });
        let one = json!({ "tenant": "team-classroom", "apps": [app] });
        let owned = json!({ "name": "classroom", "app_id": "661e1c9d2b9f4a0017e843cf", "tenant": "team-classroom" });
        let several =
            json!({ "tenant": "team-classroom", "tenants": ["team-classroom", "team-meetings"], "apps": [owned] });
        let apps = with_headers("The apps.", &[&["Cache-Control"], &HEADERS_OF_TENANTS]).content(
            "application/json",
            content(Ref::from_schema_name(Apps::name()), [("one tenant", one), ("several tenants", several)]),
        );
        with_problems([("200", apps)], &[&EVERYWHERE[..], &OF_CALLERS].concat())
    }
}

impl IntoResponses for OfPage {
    fn responses() -> Responses {
        of_documents(&["text/html"], &[])
    }
}

impl IntoResponses for OfCode {
    fn responses() -> Responses {
        of_documents(&["text/html"], &[Code::NotFound])
    }
}

impl IntoResponses for OfAssets {
    fn responses() -> Responses {
        of_documents(&["text/javascript", "text/css", "image/png"], &[Code::NotFound])
    }
}

impl IntoResponses for OfDocument {
    fn responses() -> Responses {
        of_documents(&["application/json"], &[])
    }
}

const NOT_MODIFIED: &str = "The caller holds it already: `If-None-Match` names its tag.";

fn of_documents(content_types: &[&str], codes: &[Code]) -> Responses {
    let of_pages = if content_types.contains(&"text/html") { &["Content-Security-Policy"][..] } else { &[] };
    let document = with_headers("The document.", &[&HEADERS_OF_DOCUMENTS, of_pages]);
    let document = content_types.iter().fold(document, |document, content_type| {
        let of = if *content_type == "application/json" { Type::Object } else { Type::String };
        document.content(*content_type, content(ObjectBuilder::new().schema_type(of), []))
    });
    let unchanged = with_headers(NOT_MODIFIED, &[&HEADERS_OF_DOCUMENTS]);
    with_problems([("200", document), ("304", unchanged)], &[&EVERYWHERE, codes].concat())
}

fn content<const N: usize>(schema: impl Into<RefOr<Schema>>, examples: [(&str, Value); N]) -> ContentBuilder {
    let example = |(name, value)| (name, ExampleBuilder::new().value(Some(value)));
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples.map(example))
}

/// The responses that are not problems, and one for each status of these codes.
fn with_problems<const N: usize>(good: [(&str, ResponseBuilder); N], codes: &[Code]) -> Responses {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    // In the order of the catalogue, whatever the order of the lists.
    for code in CATALOGUE.into_iter().filter(|code| codes.contains(code)) {
        by_status.entry(code.entry().status.as_u16()).or_default().push(code);
    }
    let problems = by_status.into_iter().map(|(status, codes)| (status.to_string(), problems(&codes).into()));
    good.into_iter().map(|(status, response)| (status.to_owned(), response.into())).chain(problems).collect()
}

/// One response for these codes, which share a status.
fn problems(codes: &[Code]) -> ResponseBuilder {
    let told: Vec<_> =
        codes.iter().map(|code| code.entry()).map(|Entry { slug, title, .. }| format!("`{slug}`: {title}.")).collect();
    let own = codes.iter().filter_map(|code| code.header());
    let names: Vec<_> = own.map(|name| spelled(name.as_str())).chain(["Cache-Control"]).collect();
    let counted = codes.iter().any(|code| OF_QUESTIONS.contains(code) || COUNTED.contains(code));
    let of_tenants = if counted { &HEADERS_OF_TENANTS[..] } else { &[] };
    let types: Vec<_> = codes.iter().map(|code| format!("/problems/{}", code.entry().slug)).collect();
    let narrowed =
        ObjectBuilder::new().property("type", ObjectBuilder::new().schema_type(Type::String).enum_values(Some(types)));
    let schema = AllOfBuilder::new().item(Ref::from_schema_name(PROBLEM)).item(narrowed);
    let examples = codes.iter().map(|code| (code.entry().slug, ExampleBuilder::new().value(Some(example(*code)))));
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples);
    with_headers(&told.join(" "), &[&names, of_tenants]).content("application/problem+json", content)
}

/// A problem of this code as it could be met.
fn example(code: Code) -> Value {
    let Entry { slug, status, title, meaning, .. } = code.entry();
    let own = code.members().iter().map(|member| (member.name.to_owned(), member.example.into()));
    let common = [
        ("type", format!("/problems/{slug}").into()),
        ("title", title.into()),
        ("status", status.as_u16().into()),
        ("detail", meaning.replace('`', "").into()),
        ("instance", "0199e2a4-7d3c-7b1f-9c55-3f0a5d1c2b4e".into()),
    ];
    common
        .map(|(name, value): (&str, Value)| (name.to_owned(), value))
        .into_iter()
        .chain(own)
        .collect::<Map<_, _>>()
        .into()
}

/// RFC 9457, with the members of ours.
pub(super) fn problem() -> ObjectBuilder {
    let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let types: Vec<_> = CATALOGUE.iter().map(|code| format!("/problems/{}", code.entry().slug)).collect();
    let status = ObjectBuilder::new().schema_type(Type::Integer).description(Some("The status, once more."));
    let common = [
        ("type", text("Leads to a page that says what happened and what to do.").enum_values(Some(types))),
        ("title", text("The same words every time.")),
        ("status", status),
        ("detail", text("What happened this time.")),
        ("instance", text("The request's id, as in `X-Request-Id`.")),
    ];
    let object = ObjectBuilder::new().schema_type(Type::Object).description(Some("RFC 9457: why there is no answer."));
    let object = common.into_iter().fold(object, |object, (name, schema)| object.property(name, schema).required(name));
    MEMBERS.iter().fold(object, |object, member| object.property(member.name, text(member.meaning)))
}

/// A header's name as documents spell it.
fn spelled(name: &str) -> &'static str {
    HEADERS.iter().map(|(known, ..)| *known).find(|known| known.eq_ignore_ascii_case(name)).unwrap_or_default()
}

const HEADERS: [(&str, Type, &str, &str); 12] = [
    ("X-Request-Id", Type::String, "Finds the request in the log.", "dashboard-42"),
    ("Vary", Type::String, "What the answer depends on.", "Authorization, Origin, Accept-Encoding"),
    ("ETag", Type::String, "Strong; of what the body means.", "\"5m1yXo8jcq3nQ0mE2YkVtA\""),
    (
        "Cache-Control",
        Type::String,
        "How long it may be kept; a problem, not at all.",
        "private, max-age=31536000, immutable",
    ),
    ("Age", Type::Integer, "Seconds since the answer was fetched.", "12"),
    ("Cache-Status", Type::String, "How the answer came (RFC 9211).", "sluice; hit; ttl=588"),
    ("RateLimit", Type::String, "`r` requests are left, and all again in `t` seconds.", "\"tenant\";r=99;t=1"),
    ("RateLimit-Policy", Type::String, "`q` requests in `w` seconds.", "\"tenant\";q=100;w=2"),
    ("Retry-After", Type::Integer, "Seconds until it is worth trying again.", "1"),
    ("WWW-Authenticate", Type::String, "What is required (RFC 6750).", "Bearer realm=\"sluice\""),
    ("Allow", Type::String, "The methods that there are.", "GET, HEAD"),
    ("Content-Security-Policy", Type::String, "What the page may load.", "default-src 'self'"),
];

/// A response with these headers, and those that every response has.
fn with_headers(description: &str, names: &[&[&str]]) -> ResponseBuilder {
    let names = names.iter().copied().chain([&HEADERS_OF_ALL[..]]).flatten();
    let response = ResponseBuilder::new().description(description);
    names.fold(response, |response, name| {
        let Some((name, of, text, example)) = HEADERS.into_iter().find(|(known, ..)| known == name) else {
            return response;
        };
        let example = example.parse().map_or_else(|_| Value::from(example), |number: u32| number.into());
        let schema = ObjectBuilder::new().schema_type(of).examples([example]);
        response.header(name, HeaderBuilder::new().description(Some(text)).schema(Some(schema)).build())
    })
}
