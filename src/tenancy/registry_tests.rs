//! Who may read what, and which configurations of it are refused.

use std::path::Path;

use super::config::AppConfig;
use super::*;
use crate::auth::Caller;
use crate::settings::Settings;

/// What the text configures, or the mistakes in it.
fn read(text: &str) -> Result<Config, String> {
    let mut settings = Settings::new("");
    settings.overlay_text(Path::new("f"), text);
    let config = Config::read(&mut settings.root());
    settings.finish().map(|_| config.unwrap()).map_err(|mistakes| mistakes.to_string())
}

const TWO: &str = "\
[[tenants]]
id = 'blue'
apps = [{ name = 'classroom', app_id = 'aaa' }, { name = 'ccc', app_id = 'ccc' }]
[[tenants]]
id = 'red'
apps = [{ name = 'classroom', app_id = 'bbb' }, { name = 'stage', app_id = 'aaa' }]
[[tenants]]
id = 'idle'
";

fn registry() -> Registry {
    Registry::new(&read(TWO).unwrap())
}

/// The name and the AppId of the app that is granted.
fn granted(tenant: &str, word: &str) -> Result<(String, String), Denied> {
    let grant = registry().grant(&Caller::of_tenant(tenant), word)?;
    assert_eq!(grant.tenant().id().as_str(), tenant);
    Ok((grant.app().name().to_owned(), grant.app().id().to_string()))
}

fn app(name: &str, id: &str) -> (String, String) {
    (name.to_owned(), id.to_owned())
}

#[test]
fn an_app_is_granted_by_its_name_and_by_its_id() {
    assert_eq!(granted("blue", "classroom"), Ok(app("classroom", "aaa")));
    assert_eq!(granted("blue", "aaa"), Ok(app("classroom", "aaa")));
    assert_eq!(granted("blue", "ccc"), Ok(app("ccc", "ccc")));
}

#[test]
fn one_name_means_each_tenants_own_app_and_one_app_may_have_two_names() {
    assert_eq!(granted("red", "classroom"), Ok(app("classroom", "bbb")));
    assert_eq!(granted("red", "aaa"), Ok(app("stage", "aaa")));
}

#[test]
fn an_app_of_somebody_else_is_like_one_that_does_not_exist() {
    for (tenant, word) in [
        ("blue", "bbb"),
        ("blue", "stage"),
        ("red", "ccc"),
        ("blue", "nowhere"),
        ("blue", ""),
        ("blue", "Classroom"),
        ("blue", "AAA"),
        ("idle", "classroom"),
        ("unknown", "classroom"),
        ("BLUE", "classroom"),
        ("", "classroom"),
    ] {
        assert_eq!(granted(tenant, word), Err(Denied::NotGranted), "{tenant} {word}");
    }
}

#[test]
fn a_tenant_is_found_only_under_its_own_name() {
    let registry = registry();
    let acting = |tenant| registry.act(&Caller::of_tenant(tenant), Wanted::default());
    assert_eq!(acting("idle").tenant().map(|tenant| tenant.apps().count()), Some(0));
    assert!(acting("unknown").tenant().is_none());
    assert_eq!(acting("unknown").id().as_str(), "unknown");
    assert_eq!(acting("red").apps().map(|(_, app)| app.name().to_owned()).collect::<Vec<_>>(), ["classroom", "stage"]);
}

#[test]
fn a_name_wins_over_the_id_of_another_app() {
    // The configuration refuses this; the registry must not be the weaker of the two.
    let app = |name: &str, id: &str| AppConfig { name: name.into(), id: AppId::parse(id).unwrap() };
    for apps in [vec![app("x", "y"), app("y", "z")], vec![app("y", "z"), app("x", "y")]] {
        let mut config = read("[[tenants]]\nid = 't'\n").unwrap();
        config.tenants[0].apps = apps;
        let grant = Registry::new(&config).grant(&Caller::of_tenant("t"), "y").unwrap();
        assert_eq!(grant.app().id().as_str(), "z");
    }
}

#[test]
fn the_operator_means_every_app_of_a_name() {
    let ids = |word| registry().app_ids(word).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(ids("classroom"), ["aaa", "bbb"]);
    assert_eq!(ids("aaa"), ["aaa"]);
    assert_eq!(ids("stage"), ["aaa"]);
    assert_eq!(ids("nowhere"), Vec::<String>::new());
}

#[test]
fn rates_and_weights_have_defaults() {
    let config = read(
        "[[tenants]]\nid = 'a'\n[[tenants]]\nid = 'b'\nrequests_per_second = 7\n\
         [[tenants]]\nid = 'c'\nrequests_per_second = 7\nburst = 3\nweight = 5\n",
    );
    let rates = |tenant: &TenantConfig| (tenant.rate.requests_per_second.get(), tenant.rate.burst.get(), tenant.weight);
    let rates: Vec<_> = config.unwrap().tenants.iter().map(rates).collect();
    assert_eq!(rates, [(50, 100, 1), (7, 14, 1), (7, 3, 5)]);
}

#[test]
fn no_tenants_are_a_registry_of_nobody() {
    assert_eq!(read(""), Ok(Config::default()));
    assert_eq!(Registry::default().grant(&Caller::of_tenant("a"), "b").err(), Some(Denied::NotGranted));
}

#[test]
fn ambiguous_tenants_and_apps_are_refused() {
    let apps = |apps: &str| read(&format!("[[tenants]]\nid = 'a'\napps = [{apps}]\n")).unwrap_err();
    let ambiguous = "f:3: tenants[0].apps[1].name: another app of this tenant has the same name or AppId; each must be \
                     unambiguous";
    for second in ["{ name = 'x', app_id = 'q' }", "{ name = 'q', app_id = 'y' }", "{ name = 'y', app_id = 'q' }"] {
        assert_eq!(apps(&format!("{{ name = 'x', app_id = 'y' }}, {second}")), ambiguous);
    }
    assert_eq!(apps("{ name = 'x', app_id = 'y' }, { name = 'q', app_id = 'x' }"), ambiguous);
    let twice = "tenants[1].id: the tenant \"a\" is configured twice; each needs an id of its own";
    assert_eq!(read("[[tenants]]\nid = 'a'\n[[tenants]]\nid = 'a'\n").unwrap_err(), format!("f:4: {twice}"));
}

#[test]
fn a_tenant_configured_twice_is_told_also_when_something_else_is_wrong_with_it() {
    let said = read("[[tenants]]\nid = 'a'\nweight = 0\n[[tenants]]\nid = 'a'\nburst = 0\n").unwrap_err();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert!(lines[1].starts_with("f:5: tenants[1].id: the tenant \"a\" is configured twice"), "{said}");
}

#[test]
fn names_that_cannot_stand_in_a_url_are_refused() {
    for id in ["a b", "a/b", "日", "a%", ".", "..", "a\\n", &"x".repeat(65)] {
        let said = read(&format!("[[tenants]]\nid = \"{id}\"\n")).unwrap_err();
        assert!(
            said.contains("tenants[0].id: ") && said.contains("not a name that can stand in a URL"),
            "{id}: {said}"
        );
    }
    assert!(read(&format!("[[tenants]]\nid = '{}'\n", "x~-_.".repeat(12))).is_ok());
    let said = read("[[tenants]]\nid = 'a'\napps = [{ name = '', app_id = 'a b' }, { name = 'b' }]\n").unwrap_err();
    let expected = "\
f:3: tenants[0].apps[0].name: is empty; give it a value or leave the key out
f:3: tenants[0].apps[0].app_id: \"a b\" will not do: not an AppId: 1 to 64 letters, digits, - or _
f:3: tenants[0].apps[1].app_id: is missing";
    assert_eq!(said, expected);
}
