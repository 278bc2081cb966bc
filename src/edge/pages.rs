//! `/problems/<code>`: where `type` leads. A page for people, with nothing on it but what the catalogue says.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use super::catalogue::{CATALOGUE, Entry};
use super::document::Document;
use super::openapi::{CodePath, OfCode, OfPage, Traced};
use super::problem::Problem;

/// The pages have their style in themselves and load nothing.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a problem means and what to do
///
/// Where a problem's `type` leads.
#[utoipa::path(
    get,
    path = "/problems/{code}",
    operation_id = "getProblem",
    tag = "documentation",
    params(CodePath, Traced),
    responses(OfCode)
)]
pub(super) async fn problem(path: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    let slug = path.map(|Path(slug)| slug).unwrap_or_default();
    match PAGES.iter().find(|(known, _)| *known == slug) {
        Some((_, page)) => page.answer(&headers).await,
        None => Problem::not_found().into_response(),
    }
}

/// All problems
#[utoipa::path(
    get,
    path = "/problems",
    operation_id = "getProblems",
    tag = "documentation",
    params(Traced),
    responses(OfPage)
)]
pub(super) async fn problems(headers: HeaderMap) -> Response {
    INDEX.answer(&headers).await
}

static PAGES: LazyLock<Vec<(&str, Document)>> = LazyLock::new(|| {
    let of = |entry: Entry| (entry.slug, Document::page(page(&entry), POLICY));
    CATALOGUE.iter().map(|code| of(code.entry())).collect()
});
static INDEX: LazyLock<Document> = LazyLock::new(|| {
    let items: Vec<_> = CATALOGUE
        .iter()
        .map(|code| {
            let Entry { slug, status, title, .. } = code.entry();
            format!("<li><a href=\"/problems/{slug}\">{slug}</a> ({}) {title}</li>", status.as_u16())
        })
        .collect();
    let html = document("Problems", &format!("<h1>Problems</h1><ul>{}</ul>", items.concat()));
    Document::page(html, POLICY)
});

fn page(entry: &Entry) -> String {
    let Entry { slug, status, title, meaning, remedy } = entry;
    let (meaning, remedy) = (marked(meaning), marked(remedy));
    document(
        slug,
        &format!(
            "<p><code>{} {slug}</code></p><h1>{title}</h1><h2>What happened</h2><p>{meaning}</p>\
             <h2>What to do</h2><p>{remedy}</p><p><a href=\"/problems\">All problems</a></p>",
            status.as_u16()
        ),
    )
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Sluice</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>\
         body{{font:1.05rem/1.6 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1b2733}}\
         h1{{line-height:1.25}}h2{{font-size:1rem;margin-bottom:0}}h2+p{{margin-top:.2rem}}\
         code{{background:#eef2f6;padding:.1em .35em;border-radius:.25em}}a{{color:#0b62a4}}</style></head>\
         <body>{body}</body></html>"
    )
}

/// The catalogue's texts mark code with backticks and placeholders with angle brackets.
fn marked(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    escaped
        .split('`')
        .enumerate()
        .map(|(index, part)| if index % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}
