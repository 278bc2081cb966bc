//! Every signature that the vendor's SDKs produced must come out here.

use secrecy::SecretString;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    access_key: String,
    secret_key: String,
    session_token: String,
    region: String,
    service: String,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    body: String,
    body_sha256: String,
    x_date: String,
    headers_signed: Vec<(String, String)>,
    canonical_query: String,
    authorization: String,
}

fn vectors() -> Vec<Vector> {
    let text = include_str!("../../tests/data/signature_vectors.json");
    serde_json::from_str::<File>(text).unwrap().vectors
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn every_signature_of_the_vendors_sdks_is_reproduced() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 14);
    for vector in vectors {
        let credentials = Credentials {
            access_key_id: SecretString::from(vector.access_key),
            secret_access_key: SecretString::from(vector.secret_key),
            session_token: (!vector.session_token.is_empty()).then(|| SecretString::from(vector.session_token)),
        };
        let body_hash = body_hash(vector.body.as_bytes());
        assert_eq!(body_hash, vector.body_sha256, "{}", vector.id);
        let signed = sign(
            &Draft {
                method: &vector.method,
                path: &vector.path,
                query: &borrowed(&vector.query),
                headers: &borrowed(&vector.headers_signed),
                body_hash: &body_hash,
                x_date: &vector.x_date,
                region: &vector.region,
                service: &vector.service,
            },
            &credentials,
        );
        assert_eq!(signed.query, vector.canonical_query, "{}", vector.id);
        assert_eq!(signed.authorization, vector.authorization, "{}", vector.id);
    }
}

#[test]
fn another_secret_gives_another_signature() {
    let draft = Draft {
        method: "POST",
        path: "/",
        query: &[],
        headers: &[],
        body_hash: "",
        x_date: "20260115T083000Z",
        region: "cn-north-1",
        service: "rtc",
    };
    let with = |secret: &str| {
        let secret_access_key = SecretString::from(secret);
        sign(&draft, &Credentials { access_key_id: SecretString::from("AK"), secret_access_key, session_token: None })
    };
    assert!(with("one") != with("two"));
}
