//! `[[issuers]]` as operators write it: what is understood, what is refused with its key, and that development tokens
//! are such as the issuer takes.

use super::*;
use crate::settings::Settings;

/// The settings of an issuer with these lines, or the mistakes in them.
fn read(lines: &str) -> Result<IssuerSettings, String> {
    let secret = String::from_utf8(SECRET.to_vec()).expect("ASCII");
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("secret"), secret).expect("written");
    let text = format!("[[issuers]]\nissuer = '{ISSUER}'\naudiences = ['sluice']\nsecret_file = 'secret'\n{lines}\n");
    let mut settings = Settings::new("");
    settings.overlay_text(&directory.path().join("f"), &text);
    let read = super::Config::read(&mut settings.root());
    let told = |mistakes: String| mistakes.replace(&format!("{}/", directory.path().display()), "");
    settings.finish().map_err(|mistakes| told(mistakes.to_string()))?;
    Ok(read.expect("no mistake").issuers.remove(0))
}

#[test]
fn what_is_left_out_is_as_it_always_was() {
    assert_eq!(read("").expect("sound").issuer.profile, Profile::default());
    let spelled = "typ = 'any'\nrequired_claims = []\nscope_claims = ['scope', 'scp']\ntenant_rules = []";
    assert_eq!(read(spelled).expect("sound").issuer.profile, Profile::default());
}

#[test]
fn access_tokens_bring_the_claims_of_their_rfc_unless_others_are_named() {
    let required = |lines: &str| read(lines).expect("sound").issuer.profile.required_claims;
    assert_eq!(required("typ = 'at+jwt'"), ["iat", "jti", "client_id"]);
    assert_eq!(required("typ = 'at+jwt'\nrequired_claims = ['jti']"), ["jti"]);
    assert_eq!(required("typ = 'at+jwt'\nrequired_claims = []"), Vec::<String>::new());
    assert_eq!(required("required_claims = ['iat']"), ["iat"]);
    assert_eq!(read("typ = 'at+jwt'").expect("sound").issuer.profile.token_type, TokenType::AccessToken);
}

#[test]
fn every_mistake_is_told_with_its_key() {
    for (lines, said) in [
        ("typ = 'JWT'", &["f:5: issuers[0].typ: \"JWT\" will not do; write \"any\" or \"at+jwt\""][..]),
        (
            "scope_claims = []",
            &["f:5: issuers[0].scope_claims: name at least one claim; without it no token could carry a scope"],
        ),
        ("scope_claims = 'roles'", &["f:5: issuers[0].scope_claims: is text; write a list: [\"roles\"]"]),
        (
            "required_claims = ['iat', '/org/team']",
            &[
                "f:5: issuers[0].required_claims: \"/org/team\" is a pointer; only claims of the top level can stand here",
            ],
        ),
        (
            "tenant_rules = 'x'",
            &["f:5: issuers[0].tenant_rules: is text, but a list of tables is wanted: [[issuers[0].tenant_rules]]"],
        ),
        (
            "tenant_rules = [{ value = 'a*b*', tenant = 'a b' }, { value = 'a', tenant = 'team-*' }, { tenent = 'x' }]",
            &[
                "f:5: issuers[0].tenant_rules[0].value: \"a*b*\" will not do: it may hold one * at most",
                "f:5: issuers[0].tenant_rules[0].tenant: \"a b\" will not do: not a name that a tenant may have: 1 to 64 letters, \
                 digits, -, _, . or ~, among them one * at most",
                "f:5: issuers[0].tenant_rules[1].tenant: its * stands for what the * of value stands for, and value has none",
                "f:5: issuers[0].tenant_rules[2].tenant: is missing",
                "f:5: issuers[0].tenant_rules[2].tenent: is not a known key; did you mean \"tenant\"?",
                "f:5: issuers[0].tenant_rules[2].value: is missing",
            ],
        ),
    ] {
        let told = read(lines).expect_err(lines);
        let mut told: Vec<_> = told.lines().collect();
        told.sort_unstable();
        let mut said = said.to_vec();
        said.sort_unstable();
        assert_eq!(told, said, "{lines}");
    }
}

#[test]
fn development_tokens_are_such_as_the_issuer_takes() {
    let rules = "tenant_rules = [{ value = '/sluice/*', tenant = 'team-*' }]";
    for (lines, tenant) in [
        ("", "team-blue"),
        (rules, "team-blue"),
        (&format!("tenant_claim = '/org/groups'\n{rules}"), "team-blue"),
        (&format!("tenant_claim = 'sub'\n{rules}"), "team-blue"),
        ("typ = 'at+jwt'", "team-blue"),
        (&format!("typ = 'at+jwt'\n{rules}"), "team-blue"),
        // where the tenant is named by a claim that would otherwise say something else
        (&format!("typ = 'at+jwt'\ntenant_claim = 'client_id'\n{rules}"), "team-blue"),
        ("typ = 'at+jwt'\ntenant_claim = 'jti'", "team-blue"),
        ("required_claims = ['jti', 'iat', 'exp', 'tenant']", "team-blue"),
        ("required_scopes = ['usage:read']", "team-blue"),
        ("required_scopes = ['usage:read']\nscope_claims = ['roles']", "team-blue"),
        ("required_claims = ['scope']", "team-blue"),
    ] {
        let issuer = read(lines).expect("sound");
        let token = issuer.mint(tenant, Duration::from_secs(60), "usage:read").expect(lines);
        let gate = Authenticator::new(vec![issuer.issuer.clone()], Clock::system()).expect("sound");
        assert_eq!(accepted(&gate, &token).tenants().first().as_str(), tenant, "{lines}");
    }
    for (lines, tenant, fault) in [
        (rules, "other", NoMinter::NoRule { tenant: "other".to_owned() }),
        ("required_claims = ['org']", "team-blue", NoMinter::NoClaim { claim: "org".to_owned() }),
        ("required_claims = ['scope']", "team-blue", NoMinter::NoClaim { claim: "scope".to_owned() }),
    ] {
        assert_eq!(read(lines).expect("sound").mint(tenant, Duration::from_secs(60), ""), Err(fault), "{lines}");
    }
}
