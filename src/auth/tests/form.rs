//! The form of a token: one spelling for each, and nothing that two readers could read differently.

use super::*;

/// Tokens that are signed by the right key and wrong in form.
fn signed(header: &str, payload: &str) -> String {
    minter(Algorithm::EdDsa).sign_text(header, payload).expect("signed")
}

fn gate() -> Authenticator {
    authenticator(config(source(Algorithm::EdDsa)))
}

#[test]
fn size_is_bounded() {
    let gate = gate();
    let mut long = claims_with("filler", json!("x".repeat(5400)));
    accepted(&gate, &minter(Algorithm::EdDsa).sign(&long).expect("signed"));
    long.insert("filler".to_owned(), json!("x".repeat(8192)));
    refused(&gate, &minter(Algorithm::EdDsa).sign(&long).expect("signed"), Reason::TooLong);
    refused(&gate, &"A".repeat(1 << 20), Reason::TooLong);
    refused(&gate, &".".repeat(1 << 20), Reason::TooLong);
    refused(&gate, &"[".repeat(8192), Reason::Alphabet);
}

#[test]
fn the_parts_are_three() {
    let gate = gate();
    let sound = token(Algorithm::EdDsa);
    accepted(&gate, &sound);
    let (message, signature) = sound.rsplit_once('.').expect("three parts");
    let cases = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        signature.to_owned(),
        format!(".{sound}"),
        format!("{sound}."),
        format!("{message}..{signature}"),
        // an encrypted token in its compact form
        format!("{sound}.{message}"),
    ];
    for case in cases {
        refused(&gate, &case, Reason::Parts);
    }
}

#[test]
fn the_alphabet_is_that_of_base64url() {
    let gate = gate();
    let sound = token(Algorithm::EdDsa);
    accepted(&gate, &sound);
    let cases = [
        format!(" {sound}"),
        format!("{sound}\n"),
        format!("{sound}="),
        format!("{sound}=="),
        format!("{sound}\0"),
        format!("Bearer {sound}"),
        format!("{sound},{sound}"),
        sound.replace('.', "%2E"),
        sound.replace('.', "\u{ff0e}"),
        r#"{"payload":"e30","signatures":[]}"#.to_owned(),
    ];
    for case in cases {
        refused(&gate, &case, Reason::Alphabet);
    }
}

#[test]
fn each_part_has_one_spelling() {
    let gate = gate();
    let sound = token(Algorithm::EdDsa);
    accepted(&gate, &sound);
    // 64 bytes end in a character of which four bits count for nothing: the other 15 that decode alike are refused.
    let (whole, last) = sound.split_at(sound.len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let group = alphabet.find(last).expect("a base64url character") / 16 * 16;
    for (place, letter) in alphabet.char_indices().filter(|(_, letter)| !last.contains(*letter)) {
        let reason = if place % 16 != 0 { Reason::Encoding } else { Reason::Signature };
        assert!(reason == Reason::Encoding || place != group, "the last character stands first in its group");
        refused(&gate, &format!("{whole}{letter}"), reason);
    }
    refused(&gate, &format!("{sound}A"), Reason::Signature);
    refused(&gate, &format!("{sound}AAA"), Reason::Encoding);
    refused(&gate, whole, Reason::Encoding);
}

#[test]
fn header_and_payload_are_objects_without_repetitions() {
    let gate = gate();
    let (header, payload) = texts(Algorithm::EdDsa);
    accepted(&gate, &signed(&header, &payload));
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(500), "]".repeat(500));
    for text in ["[]", "null", "\"x\"", "1", "{", "{}{}", "\u{feff}{}", deep.as_str()] {
        refused(&gate, &signed(text, &payload), Reason::Header);
        refused(&gate, &signed(&header, text), Reason::Payload);
    }
    for twice in [r#"{"alg":"none","alg":"EdDSA"}"#, r#"{"alg":"EdDSA","\u0061lg":"EdDSA"}"#] {
        refused(&gate, &signed(twice, &payload), Reason::DuplicateMember);
    }
    let body = payload.trim_start_matches('{');
    for repeated in [
        r#""iss":"https://evil.example","#,
        r#""tenant":"team-red","#,
        r#""\u0065xp":1,"#,
        r#""org":{"team":"a","team":"b"},"#,
        r#""list":[{"x":1,"x":1}],"#,
    ] {
        refused(&gate, &signed(&header, &format!("{{{repeated}{body}")), Reason::DuplicateMember);
    }
    accepted(&gate, &signed(&header, &format!("{{\"org\":{{\"tenant\":\"a\"}},{body}")));
}

#[test]
fn parameters_that_change_the_meaning_are_refused() {
    let gate = gate();
    let payload = texts(Algorithm::EdDsa).1;
    accepted(&gate, &signed(r#"{"alg":"EdDSA","unheard-of":[1,2]}"#, &payload));
    let extensions = [
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["unheard-of"],"unheard-of":true"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""zip":"DEF""#,
        r#""cty":"JWT""#,
        r#""enc":"A256GCM""#,
    ];
    for extension in extensions {
        refused(&gate, &signed(&format!("{{\"alg\":\"EdDSA\",{extension}}}"), &payload), Reason::HeaderExtension);
    }
}

#[test]
fn the_type_is_that_of_a_token() {
    let gate = gate();
    let payload = texts(Algorithm::EdDsa).1;
    let with_type = |typ: &str| signed(&format!("{{\"alg\":\"EdDSA\",\"typ\":{typ}}}"), &payload);
    for typ in [r#""JWT""#, r#""jwt""#, r#""at+jwt""#, r#""AT+JWT""#, r#""application/at+jwt""#] {
        accepted(&gate, &with_type(typ));
    }
    accepted(&gate, &signed(r#"{"alg":"EdDSA"}"#, &payload));
    for typ in [r#""JWE""#, r#""logout+jwt""#, r#""dpop+jwt""#, r#""""#, r#""JWT ""#, "null", "1", r#"["JWT"]"#] {
        refused(&gate, &with_type(typ), Reason::TokenType);
    }
}

#[test]
fn a_token_within_a_token_is_refused() {
    let gate = gate();
    let inner = token(Algorithm::EdDsa);
    accepted(&gate, &inner);
    refused(&gate, &signed(r#"{"alg":"EdDSA","cty":"JWT"}"#, &inner), Reason::Payload);
    refused(&gate, &signed(r#"{"alg":"EdDSA"}"#, &inner), Reason::Payload);
    let quoted = format!("\"{inner}\"");
    refused(&gate, &signed(r#"{"alg":"EdDSA"}"#, &quoted), Reason::Payload);
}
