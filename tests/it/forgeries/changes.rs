//! What is changed: the header and the claims under the issuer's own signature, the signature, the spelling, the key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm as Signed, EncodingKey};
use serde_json::{Map, Value, json};
use sluice::auth::Algorithm;

use super::Forgery;
use super::signer::{Signer, encoded, signed, text};
use crate::support::now;

const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// All forgeries of a signer's tokens. `place` is a URL that they point to.
pub(super) fn all(signer: &Signer, place: &str) -> Vec<Forgery> {
    [
        headers(signer),
        repetitions(signer),
        claims(signer),
        payloads(signer),
        signatures(signer),
        spellings(signer),
        unsigned(signer),
        foreign_keys(signer, place),
        confusions(signer),
        tampered(signer),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn forgery(family: &'static str, name: impl Into<String>, token: String) -> Forgery {
    Forgery { family, name: name.into(), token }
}

fn with(mut members: Map<String, Value>, name: &str, value: Option<&Value>) -> Map<String, Value> {
    match value {
        None => members.remove(name),
        Some(value) => members.insert(name.to_owned(), value.clone()),
    };
    members
}

/// Members of the header, well signed.
fn headers(signer: &Signer) -> Vec<Forgery> {
    let mut changes: Vec<(&str, Option<Value>)> = vec![("alg", None)];
    let types = [json!(null), json!(true), json!(7), json!([signer.name()]), json!({signer.name(): 1}), json!("")];
    changes.extend(types.map(|value| ("alg", Some(value))));
    let others = Algorithm::ALL.map(Algorithm::as_str).into_iter().filter(|name| *name != signer.name());
    let unheard = ["ES512", "ES256K", "RSA-OAEP", "dir", "A256GCM", "HS1", "none", "Ed448"];
    changes.extend(others.chain(unheard).map(|name| ("alg", Some(json!(name)))));
    let spelled = [signer.name().to_lowercase(), format!("{} ", signer.name()), format!("{}\u{0}", signer.name())];
    changes.extend(spelled.map(|name| ("alg", Some(json!(name)))));
    for typ in [json!(null), json!(1), json!(["JWT"]), json!(""), json!("JWE"), json!("logout+jwt"), json!("JWT ")] {
        changes.push(("typ", Some(typ)));
    }
    for kid in [json!(null), json!(7), json!(["a"]), json!({"a": 1}), json!(true), json!("k".repeat(257))] {
        changes.push(("kid", Some(kid)));
    }
    for extension in ["crit", "b64", "zip", "cty", "enc"] {
        for value in [json!(null), json!(false), json!([]), json!(["exp"]), json!("JWT")] {
            changes.push((extension, Some(value)));
        }
    }
    if signer.kid.is_some() {
        changes.push(("kid", None));
        let names = [
            "",
            "/dev/null",
            "../../../etc/passwd",
            "' OR 1=1 --",
            "x' UNION SELECT 'k",
            "\u{0}",
            "{{7*7}}",
            "|id",
            "*",
            "http://127.0.0.1/",
            "%00",
            "\r\nX: y",
            "0",
            "null",
            "..\\..\\windows\\win.ini",
            "${jndi:ldap://127.0.0.1/a}",
        ];
        changes.extend(names.map(|name| ("kid", Some(json!(name)))));
    }
    let payload = text(signer.payload());
    let changed = |(name, value): (&str, Option<Value>)| {
        let header = text(with(signer.header(), name, value.as_ref()));
        forgery("header", header.chars().take(80).collect::<String>(), signer.signed(header, &payload))
    };
    let mut forgeries: Vec<_> = changes.into_iter().map(changed).collect();
    let deep = format!("{{\"a\":{}{},{}", "[".repeat(40), "]".repeat(40), &text(signer.header())[1..]);
    let sound = text(signer.header());
    let others = ["[]", "null", "\"x\"", "1", "", " ", "{", "{}", "\u{feff}{}", &sound[1..], &deep];
    let others = others.map(str::to_owned).into_iter().chain([
        format!("{sound}{sound}"),
        format!("{sound},"),
        format!("[{sound}]"),
        format!("\u{feff}{sound}"),
        sound.replace('"', "'"),
    ]);
    // Three parts are due, so an empty one is none.
    forgeries.extend(others.map(|header| forgery("header", format!("{header:.60}"), signer.signed(&header, &payload))));
    forgeries.push(forgery("header", "not UTF-8", signer.signed([&sound.as_bytes()[..9], b"\xff"].concat(), &payload)));
    forgeries
}

/// A member twice, in both orders, and under another spelling of its name.
fn repetitions(signer: &Signer) -> Vec<Forgery> {
    let (header, payload) = (signer.header(), signer.payload());
    let twice = |members: &Map<String, Value>, name: &str, again: &str, value: &Value, first: bool| {
        let (sound, more) = (text(members.clone()), format!("\"{again}\":{value}"));
        if first { format!("{{{more},{}", &sound[1..]) } else { format!("{},{more}}}", &sound[..sound.len() - 1]) }
            .replace("NAME", name)
    };
    let mut forgeries = Vec::new();
    for (is_header, members) in [(true, &header), (false, &payload)] {
        for (name, value) in members {
            let escaped = format!("\\u{:04x}{}", u32::from(name.chars().next().unwrap()), &name[1..]);
            let values = [value.clone(), json!("none")];
            for (again, value, first) in
                values.iter().flat_map(|v| [(name, v, true), (name, v, false), (&escaped, v, true)])
            {
                let changed = twice(members, name, again, value, first);
                let token = if is_header {
                    signer.signed(changed, text(payload.clone()))
                } else {
                    signer.signed(text(header.clone()), changed)
                };
                forgeries.push(forgery("repetition", format!("{again}: {value}"), token));
            }
        }
    }
    let nested = format!("{{\"org\":{{\"a\":1,\"a\":2}},{}", &text(payload)[1..]);
    forgeries.push(forgery("repetition", "within a claim", signer.signed(text(header), nested)));
    forgeries
}

/// Claims, well signed.
fn claims(signer: &Signer) -> Vec<Forgery> {
    let now = now().as_second();
    let mut changes: Vec<(&str, Option<Value>)> =
        ["iss", "aud", "sub", "exp", "tenant"].map(|name| (name, None)).to_vec();
    let types = || [json!(null), json!(true), json!({"a": "b"}), json!([[]]), json!([7])];
    for name in ["iss", "aud", "sub", "exp", "tenant", "nbf", "iat", "jti", "scope", "scp"] {
        changes.extend(types().map(|value| (name, Some(value))));
    }
    let issuer = &signer.issuer;
    let issuers = [
        json!(""),
        json!(5),
        json!([issuer]),
        json!(format!("{issuer}/")),
        json!(issuer.to_uppercase()),
        json!(format!(" {issuer}")),
        json!(format!("{issuer}\u{0}")),
        json!("https://evil.test"),
        json!("https://sso.test"),
    ];
    changes.extend(issuers.map(|value| ("iss", Some(value))));
    let audiences = [
        json!(""),
        json!(5),
        json!([]),
        json!(["elsewhere"]),
        json!(["sluice", 5]),
        json!(["sluice", null]),
        json!("sluic"),
        json!("sluice "),
        json!("SLUICE"),
        json!("elsewhere sluice"),
        json!("sluice,elsewhere"),
        json!([["sluice"]]),
    ];
    changes.extend(audiences.map(|value| ("aud", Some(value))));
    let expiries = [
        json!(0),
        json!(-1),
        json!(now - 31),
        json!(now - 86_400),
        json!(now + 86_400 + 120),
        json!((now + 600).to_string()),
        json!(600.5),
        json!(1e308),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(i64::MIN),
        json!("9999999999"),
        json!("never"),
    ];
    changes.extend(expiries.map(|value| ("exp", Some(value))));
    for name in ["nbf", "iat"] {
        let begins = [
            json!(now + 90),
            json!(now + 86_400),
            json!(-1),
            json!(0.5),
            json!("0"),
            json!(1e308),
            json!(i64::MAX),
            json!(""),
        ];
        changes.extend(begins.map(|value| (name, Some(value))));
    }
    changes.extend([json!(""), json!(5), json!("s".repeat(1025))].map(|value| ("sub", Some(value))));
    changes.extend([json!(5), json!("j".repeat(1025))].map(|value| ("jti", Some(value))));
    let tenants = [
        json!(""),
        json!(5),
        json!(["red"]),
        json!("r\u{202e}ed"),
        json!("r\u{200b}ed"),
        json!("red\u{0}"),
        json!("red\n"),
        json!("r".repeat(129)),
        json!("\u{feff}red"),
        json!("re\u{ad}d"),
    ];
    changes.extend(tenants.map(|value| ("tenant", Some(value))));
    changes.extend([json!(5), json!(["read"])].map(|value| ("scope", Some(value))));
    let header = text(signer.header());
    let changed = |(name, value): (&str, Option<Value>)| {
        let payload = text(with(signer.payload(), name, value.as_ref()));
        let value = value.map_or("missing".to_owned(), |value| value.to_string());
        forgery("claim", format!("{name}: {value:.60}"), signer.signed(&header, payload))
    };
    changes.into_iter().map(changed).collect()
}

/// Payloads as a whole, well signed.
fn payloads(signer: &Signer) -> Vec<Forgery> {
    let (header, sound) = (text(signer.header()), text(signer.payload()));
    let exp = format!("\"exp\":{}", signer.payload()["exp"]);
    let written =
        [".0", "e0", "E+0", ".", "e", "0x", " 1", "_000"].map(|tail| sound.replace(&exp, &format!("{exp}{tail}")));
    let others = ["[]", "null", "\"x\"", "{}", " ", "{", &sound[..sound.len() - 1]].map(str::to_owned);
    let others = others.into_iter().chain(written).chain([
        format!("{sound}{sound}"),
        format!("[{sound}]"),
        format!("\u{feff}{sound}"),
        sound.replace('"', "'"),
        sound.replacen('{', "{/**/", 1),
        sound.replace("\"red\"", "\"\\ud800\""),
        signer.sound(),
    ]);
    others.map(|payload| forgery("payload", format!("{payload:.60}"), signer.signed(&header, &payload))).collect()
}

/// The signature alone.
fn signatures(signer: &Signer) -> Vec<Forgery> {
    let sound = signer.sound();
    let (message, signature) = sound.rsplit_once('.').unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut forgeries = Vec::new();
    let mut add =
        |name: String, changed: String| forgeries.push(forgery("signature", name, format!("{message}.{changed}")));
    // The first and the last character, and some between: another letter, one with a single bit changed.
    for place in (0..signature.len()).step_by(signature.len().div_ceil(20)).chain([signature.len() - 1]) {
        let letter = ALPHABET.find(&signature[place..=place]).unwrap();
        for other in [letter ^ 1, letter ^ 32] {
            let other = &ALPHABET[other..=other];
            add(format!("{other} at {place}"), format!("{}{other}{}", &signature[..place], &signature[place + 1..]));
        }
    }
    for length in [1, 2, signature.len() / 2, signature.len() - 4, signature.len() - 2, signature.len() - 1] {
        add(format!("cut to {length}"), signature[..length].to_owned());
    }
    for more in ["A", "AA", "AAA", "AAAA", signature] {
        add(format!("{} characters more", more.len()), format!("{signature}{more}"));
    }
    let length = bytes.len();
    let half = length / 2;
    let hollow = [
        ("a zero", vec![0]),
        ("zeros", vec![0; length]),
        ("ones", vec![0xff; length]),
        ("halves swapped", [&bytes[half..], &bytes[..half]].concat()),
        ("turned", bytes.iter().rev().copied().collect()),
        ("first half zero", [&vec![0; half], &bytes[half..]].concat()),
        ("second half zero", [&bytes[..half], &vec![0; length - half]].concat()),
        ("a zero before", [&[0], &bytes[..]].concat()),
        ("a zero after", [&bytes[..], &[0]].concat()),
        ("all bits turned", bytes.iter().map(|byte| !byte).collect()),
        ("an empty DER sequence", vec![0x30, 0]),
        ("two zeros in DER", vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        ("a text", b"signature".to_vec()),
    ];
    for (name, bytes) in hollow {
        add(name.to_owned(), encoded(bytes));
    }
    let header = text(signer.header());
    let other = signer.signed(&header, text(with(signer.payload(), "tenant", Some(&json!("green")))));
    add("of another payload".to_owned(), other.rsplit_once('.').unwrap().1.to_owned());
    forgeries
}

/// The same bytes otherwise spelled.
fn spellings(signer: &Signer) -> Vec<Forgery> {
    let sound = signer.sound();
    let parts: Vec<_> = sound.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let mut forgeries = Vec::new();
    let mut add = |name: String, token: String| forgeries.push(forgery("spelling", name, token));
    for place in 0..3 {
        let with = |part: String| {
            let mut changed: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[place] = part;
            changed.join(".")
        };
        let part = parts[place];
        for padding in ["=", "==", "%3D"] {
            add(format!("{padding} after part {place}"), with(format!("{part}{padding}")));
        }
        // Bits of the last character that count for nothing.
        let (whole, last) = part.split_at(part.len() - 1);
        let stray = match part.len() % 4 {
            2 => 16,
            3 => 4,
            _ => 1,
        };
        let letter = ALPHABET.find(last).unwrap();
        for other in (letter / stray * stray..).take(stray).filter(|other| *other != letter) {
            add(format!("stray bits {other} in part {place}"), with(format!("{whole}{}", &ALPHABET[other..=other])));
        }
        let standard = STANDARD_NO_PAD.encode(URL_SAFE_NO_PAD.decode(part).unwrap());
        if standard != part {
            add(format!("the other alphabet in part {place}"), with(standard));
        }
        add(format!("twice, part {place}"), with(format!("{part}{part}")));
        add(format!("empty part {place}"), with(String::new()));
        add(format!("a tilde in part {place}"), with(format!("{part}~")));
        add(format!("a plus in part {place}"), with(format!("+{part}")));
        add(format!("percent in part {place}"), with(format!("%{:02x}{}", part.as_bytes()[0], &part[1..])));
    }
    for (name, token) in [
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{sound}.{signature}")),
        ("five parts", format!("{header}.{payload}.{signature}.{payload}.{signature}")),
        ("a dot before", format!(".{sound}")),
        ("a dot after", format!("{sound}.")),
        ("two dots", format!("{header}..{payload}.{signature}")),
        ("another order", format!("{payload}.{header}.{signature}")),
        ("twice", format!("{sound}{sound}")),
        ("in quotes", format!("\"{sound}\"")),
        ("two with a comma", format!("{sound},{sound}")),
        ("the scheme twice", format!("Bearer {sound}")),
        ("dots escaped", sound.replace('.', "%2E")),
        ("as JSON", json!({"protected": header, "payload": payload, "signature": signature}).to_string()),
        ("long", format!("{header}.{payload}.{}", "A".repeat(9000))),
    ] {
        add(name.to_owned(), token);
    }
    forgeries
}

/// Nobody's signature.
fn unsigned(signer: &Signer) -> Vec<Forgery> {
    let payload = encoded(text(signer.payload()));
    let mut forgeries = Vec::new();
    for spelling in 0..16_u8 {
        let cased = |(place, letter): (usize, char)| {
            if spelling >> place & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        };
        let none: String = "none".chars().enumerate().map(cased).collect();
        let header = encoded(text(with(signer.header(), "alg", Some(&json!(none)))));
        for signature in ["", "AAAA"] {
            forgeries.push(forgery(
                "unsigned",
                format!("{none} {signature}"),
                format!("{header}.{payload}.{signature}"),
            ));
        }
    }
    let header = encoded(text(signer.header()));
    forgeries.push(forgery("unsigned", "no signature", format!("{header}.{payload}.")));
    forgeries.push(forgery("unsigned", "a word", format!("{header}.{payload}.none")));
    forgeries
}

/// The forger's own key, brought or pointed to.
fn foreign_keys(signer: &Signer, place: &str) -> Vec<Forgery> {
    let (key, jwk) = &signer.foreign;
    let mut named = jwk.clone();
    named["kid"] = json!(signer.kid.as_deref().unwrap_or("mine"));
    let url = |path: &str| json!(format!("{place}{path}"));
    let brought = [
        json!({}),
        json!({"jwk": jwk}),
        json!({"jwk": named, "kid": named["kid"]}),
        json!({"jwk": {"keys": [jwk]}}),
        json!({"jku": url("/keys")}),
        json!({"jku": url("/keys"), "kid": "mine"}),
        json!({"jku": [url("/keys")]}),
        json!({"x5u": url("/chain.pem")}),
        json!({"x5c": [encoded("MIIB")]}),
        json!({"x5c": url("/chain.pem"), "x5t": "AAAA", "x5t#S256": "AAAA"}),
        json!({"kid": url("/keys")}),
        json!({"iss": url(""), "jwks_uri": url("/keys")}),
        json!({"jku": format!("{}/keys", signer.issuer)}),
    ];
    let mut forgeries = Vec::new();
    for change in brought {
        let mut header = signer.header();
        header.extend(change.as_object().unwrap().clone());
        let token = signed(text(header), text(signer.payload()), key, signer.algorithm);
        forgeries.push(forgery("foreign key", format!("{change:.60}"), token));
    }
    for (claim, value) in [("iss", url("")), ("jwks_uri", url("/keys")), ("jku", url("/keys"))] {
        let payload = text(with(signer.payload(), claim, Some(&value)));
        forgeries.push(forgery(
            "foreign key",
            format!("{claim} points"),
            signed(text(signer.header()), payload, key, signer.algorithm),
        ));
    }
    forgeries
}

/// What is public, taken for a secret; weak secrets; and the issuer's key under the name of another.
fn confusions(signer: &Signer) -> Vec<Forgery> {
    let mut secrets = signer.public.clone();
    secrets.extend(["", "secret", "sluice", "null", "0"].map(|text| text.as_bytes().to_vec()));
    secrets.push(vec![0; 64]);
    secrets.push(signer.issuer.clone().into_bytes());
    let mut forgeries = Vec::new();
    for (number, secret) in secrets.iter().enumerate() {
        for algorithm in [Signed::HS256, Signed::HS384, Signed::HS512] {
            let name = format!("{algorithm:?}");
            let header = text(with(signer.header(), "alg", Some(&json!(name))));
            let token = signed(header, text(signer.payload()), &EncodingKey::from_secret(secret), algorithm);
            forgeries.push(forgery("confusion", format!("{name} with secret {number}"), token));
        }
    }
    forgeries
}

/// Header and payload changed under a signature that is left as it was.
fn tampered(signer: &Signer) -> Vec<Forgery> {
    let sound = signer.sound();
    let parts: Vec<_> = sound.split('.').collect();
    let mut forgeries = Vec::new();
    for (name, value) in
        [("tenant", json!("green")), ("sub", json!("root")), ("exp", json!(now().as_second() + 3600)), ("x", json!(1))]
    {
        let payload = encoded(text(with(signer.payload(), name, Some(&value))));
        forgeries.push(forgery("tampered", name, format!("{}.{payload}.{}", parts[0], parts[2])));
    }
    let header = encoded(text(with(signer.header(), "x", Some(&json!(1)))));
    forgeries.push(forgery("tampered", "header", format!("{header}.{}.{}", parts[1], parts[2])));
    for part in 0..2 {
        for place in (1..parts[part].len() - 1).step_by(parts[part].len().div_ceil(6)) {
            let other = if parts[part].as_bytes()[place] == b'A' { "B" } else { "A" };
            let mut changed: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
            changed[part].replace_range(place..=place, other);
            forgeries.push(forgery("tampered", format!("part {part} at {place}"), changed.join(".")));
        }
    }
    forgeries
}
