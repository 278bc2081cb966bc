//! What holds for all tokens, tried on many.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// One sound token of each kind of signature, with what judges it.
static SOUND: LazyLock<Vec<(Authenticator, String)>> = LazyLock::new(|| {
    let kinds = [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];
    kinds.into_iter().map(|algorithm| (authenticator(config(source(algorithm))), token(algorithm))).collect()
});

fn settings() -> ProptestConfig {
    ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn no_token_survives_the_change_of_a_character(
        kind in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        letter in prop_oneof![9 => "[A-Za-z0-9_.-]", 1 => "[ -~]"],
    ) {
        let (gate, sound) = kind.get(&SOUND);
        prop_assert!(judged(gate, sound).is_ok());
        let place = place.index(sound.len());
        let changed: String =
            sound.char_indices().map(|(i, kept)| if i == place { letter.clone() } else { kept.to_string() }).collect();
        prop_assume!(changed != *sound);
        prop_assert!(judged(gate, &changed).is_err());
    }

    #[test]
    fn no_token_survives_a_cut_or_an_addition(
        kind in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        piece in "[A-Za-z0-9_.-]{0,3}",
    ) {
        let (gate, sound) = kind.get(&SOUND);
        let (kept, rest) = sound.split_at(place.index(sound.len()));
        let without_one: String = rest.chars().skip(1).collect();
        for changed in [kept.to_owned(), format!("{kept}{piece}{without_one}"), format!("{kept}{piece}{rest}")] {
            prop_assert!(changed == *sound || judged(gate, &changed).is_err());
        }
    }

    #[test]
    fn arbitrary_text_is_refused_without_panic(text in any::<String>()) {
        prop_assert!(SOUND.iter().all(|(gate, _)| judged(gate, &text).is_err()));
    }

    #[test]
    fn arbitrary_parts_are_refused_without_panic(
        header in prop_oneof![".{0,40}", Just(texts(Algorithm::Hs256).0)],
        payload in prop_oneof![".{0,80}", Just(texts(Algorithm::Hs256).1)],
        signature in prop::collection::vec(any::<u8>(), 1..80),
    ) {
        let token = format!("{}.{}.{}", encoded(header), encoded(payload), encoded(signature));
        prop_assert!(SOUND.iter().all(|(gate, _)| judged(gate, &token).is_err()));
    }

    #[test]
    fn arbitrary_key_files_are_refused_without_panic(file in prop::collection::vec(any::<u8>(), 0..200)) {
        let body = base64::engine::general_purpose::STANDARD.encode(&file);
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY"] {
            let pem = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
            prop_assert!(Authenticator::new(vec![config(KeySource::PublicKeyPem(pem.into_bytes()))], clock()).is_err());
        }
        prop_assert!(Authenticator::new(vec![config(KeySource::Jwks(file))], clock()).is_err());
    }
}
