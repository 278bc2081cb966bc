//! On whose behalf a caller of several tenants asks: never by a guess, and never beyond its own.

use std::path::Path;

use super::*;
use crate::auth::Caller;
use crate::settings::Settings;

const THREE: &str = "\
[[tenants]]
id = 'blue'
apps = [{ name = 'classroom', app_id = 'aaa' }, { name = 'own', app_id = 'bbb' }]
[[tenants]]
id = 'red'
apps = [{ name = 'classroom', app_id = 'ccc' }, { name = 'ours', app_id = 'bbb' }, { name = 'stage', app_id = 'ddd' }]
[[tenants]]
id = 'foreign'
apps = [{ name = 'secret', app_id = 'eee' }]
[[tenants]]
id = 'odd'
apps = [{ name = 'aaa', app_id = 'fff' }]
";

/// Who asks as whom for which app, on whose behalf that is, and what is granted: `tenant's name for it = AppId`.
type Row<'r> = (&'r [&'r str], Option<&'r str>, Option<&'r str>, &'r str, Result<&'r str, Denied>);

fn registry() -> Registry {
    let mut settings = Settings::new("");
    settings.overlay_text(Path::new("f"), THREE);
    Registry::new(&Config::read(&mut settings.root()).unwrap())
}

#[test]
fn a_request_is_one_tenants_and_counts_for_whoever_answers_it() {
    let registry = registry();
    let both = &["blue", "red"][..];
    let rows: &[Row<'_>] = &[
        // The control: one tenant, with and without its own name.
        (&["blue"], None, Some("classroom"), "blue", Ok("classroom = aaa")),
        (&["blue"], Some("blue"), Some("classroom"), "blue", Ok("classroom = aaa")),
        (&["blue"], None, Some("stage"), "blue", Err(Denied::NotGranted)),
        (&["blue"], None, None, "blue", Err(Denied::NotGranted)),
        // Of several, the first that is granted the word.
        (both, None, Some("own"), "blue", Ok("own = bbb")),
        (both, None, Some("stage"), "red", Ok("stage = ddd")),
        (both, None, Some("ddd"), "red", Ok("stage = ddd")),
        (&["nobody", "red"], None, Some("stage"), "red", Ok("stage = ddd")),
        // Two names for one app are no two apps; the first tenant's name is the one that is shown.
        (both, None, Some("bbb"), "blue", Ok("own = bbb")),
        (&["red", "blue"], None, Some("bbb"), "red", Ok("ours = bbb")),
        // One name for two apps is not guessed at, in whatever order; neither is a name that is another's AppId.
        (both, None, Some("classroom"), "blue", Err(Denied::Ambiguous)),
        (&["red", "blue"], None, Some("classroom"), "red", Err(Denied::Ambiguous)),
        (&["nobody", "red", "blue"], None, Some("classroom"), "red", Err(Denied::Ambiguous)),
        (&["blue", "odd"], None, Some("aaa"), "blue", Err(Denied::Ambiguous)),
        (both, None, Some("ccc"), "red", Ok("classroom = ccc")),
        // A choice settles it, and narrows to what is chosen.
        (both, Some("red"), Some("classroom"), "red", Ok("classroom = ccc")),
        (both, Some("blue"), Some("classroom"), "blue", Ok("classroom = aaa")),
        (both, Some("blue"), Some("stage"), "blue", Err(Denied::NotGranted)),
        (both, Some("red"), None, "red", Err(Denied::NotGranted)),
        // Nothing of a tenant that the token does not hold, chosen or not, and the request counts all the same.
        (both, None, Some("secret"), "blue", Err(Denied::NotGranted)),
        (both, None, Some("eee"), "blue", Err(Denied::NotGranted)),
        (both, Some("foreign"), Some("secret"), "blue", Err(Denied::NotHeld)),
        (both, Some("foreign"), None, "blue", Err(Denied::NotHeld)),
        (both, Some("no-such-tenant"), Some("own"), "blue", Err(Denied::NotHeld)),
        (both, Some("Blue"), Some("own"), "blue", Err(Denied::NotHeld)),
        (both, Some(""), Some("own"), "blue", Err(Denied::NotHeld)),
        (&["blue"], Some("red"), Some("classroom"), "blue", Err(Denied::NotHeld)),
    ];
    for (tenants, chosen, app, on_behalf_of, expected) in rows {
        let case = format!("{tenants:?} as {chosen:?} for {app:?}");
        let acting = registry.act(&Caller::of_tenants(tenants), Wanted { app: *app, tenant: *chosen });
        let granted = acting.grant().map(|grant| format!("{} = {}", grant.app().name(), grant.app().id()));
        assert_eq!(granted.as_deref().map_err(|denied| *denied), *expected, "{case}");
        assert_eq!(acting.id().as_str(), *on_behalf_of, "{case}");
        assert_eq!(acting.tenant().map(|tenant| tenant.id()), Some(acting.id()), "{case}");
        if let Ok(grant) = acting.grant() {
            assert_eq!(grant.tenant().id(), acting.id(), "{case}");
        }
    }
}

#[test]
fn tenants_that_are_not_configured_are_strangers() {
    let registry = registry();
    for chosen in [None, Some("nobody-else")] {
        let caller = Caller::of_tenants(&["nobody", "nobody-else"]);
        let acting = registry.act(&caller, Wanted { app: Some("classroom"), tenant: chosen });
        assert!(acting.tenant().is_none());
        assert_eq!(acting.id().as_str(), chosen.unwrap_or("nobody"));
        assert_eq!(acting.grant().err(), Some(Denied::NotGranted));
        assert_eq!(acting.apps().count(), 0);
    }
    // One that is configured is enough to be no stranger; a choice of the other makes the request a stranger's.
    let caller = Caller::of_tenants(&["nobody", "blue"]);
    let tenant =
        |tenant| registry.act(&caller, Wanted { app: None, tenant }).tenant().map(|tenant| tenant.id().clone());
    assert_eq!(tenant(None), Some(TenantId::new("blue")));
    assert_eq!(tenant(Some("nobody")), None);
}

#[test]
fn the_apps_are_those_of_all_tenants_or_of_the_one_that_is_chosen() {
    let registry = registry();
    let listed = |chosen| {
        let acting =
            registry.act(&Caller::of_tenants(&["nobody", "red", "blue"]), Wanted { app: None, tenant: chosen });
        let names = acting.names().map(<[TenantId]>::len);
        (names, acting.apps().map(|(tenant, app)| format!("{tenant}/{}", app.name())).collect::<Vec<_>>())
    };
    let red = ["red/classroom", "red/ours", "red/stage"];
    let blue = ["blue/classroom", "blue/own"];
    let all: Vec<String> = red.iter().chain(&blue).map(|&app| app.to_owned()).collect();
    assert_eq!(listed(None), (Ok(3), all));
    assert_eq!(listed(Some("blue")), (Ok(1), blue.map(str::to_owned).to_vec()));
    assert_eq!(listed(Some("nobody")), (Ok(1), Vec::new()));
    assert_eq!(listed(Some("foreign")), (Err(Denied::NotHeld), Vec::new()));
}
