//! `GET /docs`: the description, rendered by Swagger UI out of the binary. Nothing is loaded from another host.

use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;

use super::document::Document;
use super::openapi::{AssetPath, OfAssets, OfPage, Traced};
use super::problem::Problem;

/// What the page is made of, each with its type. Of Swagger UI's own files only those that are needed.
pub(super) const ASSETS: [(&str, &str); 4] = [
    ("docs.js", JAVASCRIPT),
    ("swagger-ui-bundle.js", JAVASCRIPT),
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
];
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const PAGE: &str = include_str!("docs.html");
const START: &str = include_str!("docs.js");
/// All comes from here, and no script or style stands in the page; only Swagger UI's arrows are in data URLs.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; object-src 'none'";

static DOCUMENTS: LazyLock<Vec<(&str, Document)>> = LazyLock::new(|| {
    let config = Arc::new(utoipa_swagger_ui::Config::default());
    let bytes = |name: &str| match name {
        "docs.js" => START.as_bytes().to_vec(),
        theirs => {
            let file = utoipa_swagger_ui::serve(theirs, Arc::clone(&config)).ok().flatten();
            file.expect("the file is one of Swagger UI's").bytes.into_owned()
        }
    };
    ASSETS.iter().map(|(name, content_type)| (*name, Document::new(content_type, bytes(name)))).collect()
});
static DOCS: LazyLock<Document> = LazyLock::new(|| Document::page(PAGE.to_owned(), POLICY));

/// A page that renders this description
#[utoipa::path(get, path = "/docs", operation_id = "getDocs", tag = "documentation", params(Traced), responses(OfPage))]
pub(super) async fn docs(headers: HeaderMap) -> Response {
    DOCS.answer(&headers).await
}

/// A part of the page
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "getDocsFile",
    tag = "documentation",
    params(AssetPath, Traced),
    responses(OfAssets)
)]
pub(super) async fn asset(path: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    let name = path.map(|Path(name)| name).unwrap_or_default();
    let document = DOCUMENTS.iter().find(|(known, _)| *known == name);
    match document {
        Some((_, document)) => document.answer(&headers).await,
        None => Problem::not_found().into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_page_is_in_the_binary_and_the_page_names_no_other() {
        assert_eq!(DOCUMENTS.len(), ASSETS.len());
        let named = PAGE.split('"').filter(|text| text.starts_with("/docs/")).count();
        for (name, _) in ASSETS {
            assert!(PAGE.contains(&format!("\"/docs/{name}\"")), "{name}");
        }
        assert_eq!(named, ASSETS.len());
        assert!(!PAGE.contains("//"), "a link to another host");
    }
}
