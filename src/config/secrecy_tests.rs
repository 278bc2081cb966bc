//! Where a secret lives, there is no way into text: the types have none, and a whole configuration shows none.

use std::fmt::Display;

use secrecy::ExposeSecret;
use serde::Serialize;

use super::*;
use crate::auth::{Algorithm, SigningKey, keygen};
use crate::settings::ConfiguredFile;
use crate::{store, upstream};

/// Names one function for every type, and another for those that print. Of a type that prints, `of` is ambiguous and does
/// not compile.
trait Mute<Why> {
    fn of() {}
}
struct Shows;
struct Writes;
impl<T: ?Sized> Mute<()> for T {}
impl<T: ?Sized + Display> Mute<Shows> for T {}
impl<T: ?Sized + Serialize> Mute<Writes> for T {}

#[test]
fn no_type_that_holds_a_secret_can_be_displayed_or_serialized() {
    <upstream::Credentials as Mute<_>>::of();
    <upstream::Config as Mute<_>>::of();
    <store::Config as Mute<_>>::of();
    <auth::IssuerConfig as Mute<_>>::of();
    <SigningKey as Mute<_>>::of();
    <auth::Minter as Mute<_>>::of();
    <keygen::KeyPair as Mute<_>>::of();
    <edge::Certificate as Mute<_>>::of();
    <edge::Tls as Mute<_>>::of();
    <ConfiguredFile as Mute<_>>::of();
    <Settings as Mute<_>>::of();
    <Config as Mute<_>>::of();
}

#[test]
fn a_whole_configuration_shows_no_secret() {
    let place = tempfile::tempdir().unwrap();
    let pair = keygen::generate(Algorithm::EdDsa).unwrap();
    let private = pair.private_pem.expose_secret();
    for (name, text) in [("public.pem", &*pair.public_pem), ("private.pem", private), ("shared", &"canary-".repeat(8))]
    {
        std::fs::write(place.path().join(name), text).unwrap();
    }
    let text = "[upstream]\naccess_key_id = 'canary-id'\nsecret_access_key = 'canary-key'\n\
                [budget]\nredis_url = 'redis://:canary-in-url@a:1'\n\
                [[issuers]]\nissuer = 'https://a.test'\naudiences = ['a']\npublic_key_file = 'public.pem'\n\
                signing_key_file = 'private.pem'\n\
                [[issuers]]\nissuer = 'https://b.test'\naudiences = ['a']\nsecret_file = 'shared'\n";
    std::fs::write(place.path().join("sluice.toml"), text).unwrap();
    let variables =
        [("SLUICE_UPSTREAM__SESSION_TOKEN", "canary-token"), ("SLUICE_BUDGET__REDIS_PASSWORD", "canary-password")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = load(&place.path().join("sluice.toml"), variables.into_iter()).unwrap();
    let authenticator = loaded.config.authenticator(crate::clock::Clock::system());
    let printed = format!("{loaded:?} {loaded:#?} {authenticator:?} {} {pair:?}", loaded.resolved);
    assert!(!printed.contains("canary"), "{printed}");
    let lines = private.lines().filter(|line| !line.starts_with("-----"));
    assert!(lines.clone().count() > 0);
    for line in lines {
        assert!(!printed.contains(line), "a line of the private key is shown");
    }
    // In bytes, as a list of numbers.
    assert!(!printed.contains("99, 97, 110, 97, 114, 121"), "{printed}");
}
