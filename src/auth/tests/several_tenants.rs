//! Tenants by rule: what of a token's groups becomes a tenant, and that nothing else does.

use super::*;

fn rules(rules: &[(&str, &str)]) -> TenantRules {
    let rule = |(value, tenant): &(&str, &str)| TenantRule::new(value, tenant).expect("a sound rule");
    rules.iter().map(rule).collect::<Vec<_>>().into()
}

fn gate(pairs: &[(&str, &str)]) -> Authenticator {
    let profile = Profile { tenant_rules: rules(pairs), ..Profile::default() };
    let tenant_claim = "groups".parse().expect("a claim");
    authenticator(IssuerConfig { tenant_claim, profile, ..config(source(Algorithm::Hs256)) })
}

/// The tenants of a token with these groups, with commas between.
fn tenants(gate: &Authenticator, groups: Value) -> Result<String, Rejected> {
    let token = minter(Algorithm::Hs256).sign(&claims_with("groups", groups)).expect("signed");
    let caller = judged(gate, &token)?;
    Ok(caller.tenants().iter().map(|tenant| tenant.as_str().to_owned()).collect::<Vec<_>>().join(","))
}

const TEAMS: &[(&str, &str)] = &[("/sluice/*", "team-*"), ("3f2a-guid", "team-classroom"), ("/admins", "team-ops")];

/// Rules, groups, and what becomes of them.
type Row<'r> = (&'r [(&'r str, &'r str)], Value, Result<&'r str, Reason>);

#[test]
fn entries_become_tenants_by_rule_and_others_are_ignored() {
    let missing = Err(Reason::TenantMissing);
    let rows: &[Row<'_>] = &[
        (TEAMS, json!(["/sluice/blue"]), Ok("team-blue")),
        (TEAMS, json!("/sluice/blue"), Ok("team-blue")),
        (TEAMS, json!(["staff", "/sluice/blue", "3f2a-guid", "/other/red"]), Ok("team-blue,team-classroom")),
        // in the order of the rules, then of the claim
        (TEAMS, json!(["/admins", "3f2a-guid", "/sluice/z", "/sluice/a"]), Ok("team-z,team-a,team-classroom,team-ops")),
        // none twice, by whatever way it came
        (TEAMS, json!(["/sluice/a", "/sluice/a", "3f2a-guid", "/sluice/classroom"]), Ok("team-a,team-classroom")),
        // an entry may match several rules
        (&[("a*", "x-*"), ("*c", "y-*")], json!(["abc"]), Ok("x-bc,y-ab")),
        (&[("g-*", "team-all"), ("g-*", "*")], json!(["g-1", "g-2"]), Ok("team-all,1,2")),
        // letter for letter, whole, and a star is no empty text
        (TEAMS, json!(["/sluice/"]), missing),
        (
            TEAMS,
            json!(["/Sluice/blue", " /sluice/blue", "x/sluice/blue", "3F2A-GUID", "3f2a-guid ", "/admins/x"]),
            missing,
        ),
        (&[("a*a", "t-*")], json!(["a", "aa"]), missing),
        (&[("a*a", "t-*")], json!(["aaa"]), Ok("t-a")),
        (&[("[ab].?", "t")], json!(["[ab].?", "a.x"]), Ok("t")),
        (&[("[ab].?", "t")], json!(["a.x"]), missing),
        // what no tenant can be called is no tenant
        (TEAMS, json!(["/sluice/a/b", "/sluice/a b", "/sluice/教室", "/sluice/*", "/sluice/a\n"]), missing),
        (TEAMS, json!(["/sluice/a/b", "/sluice/ok"]), Ok("team-ok")),
        (
            &[("*", "*")],
            json!(["a", "..", ".", "b/c", "x".repeat(64), "y".repeat(65), ""]),
            Ok(&format!("a,{}", "x".repeat(64))),
        ),
        (&[("*", "*")], json!("team-blue"), Ok("team-blue")),
        // nothing there
        (TEAMS, Value::Null, missing),
        (TEAMS, json!([]), missing),
        (TEAMS, json!(["staff"]), missing),
        (TEAMS, json!("staff"), missing),
        // nothing but strings
        (TEAMS, json!(["/sluice/blue", 7]), Err(Reason::TenantMalformed)),
        (TEAMS, json!(["/sluice/blue", null]), Err(Reason::TenantMalformed)),
        (TEAMS, json!([["/sluice/blue"]]), Err(Reason::TenantMalformed)),
        (TEAMS, json!({"/sluice/blue": true}), Err(Reason::TenantMalformed)),
        (TEAMS, json!(7), Err(Reason::TenantMalformed)),
        // without rules one name is taken as it is, and a list is not
        (&[], json!("/sluice/blue"), Ok("/sluice/blue")),
        (&[], json!(["team-blue"]), Err(Reason::TenantMalformed)),
    ];
    for (pairs, groups, expected) in rows {
        let found = tenants(&gate(pairs), groups.clone());
        let expected = expected.map(str::to_owned).map_err(Rejected::Unauthorized);
        assert_eq!(found, expected, "{pairs:?} {groups}");
    }
}

#[test]
fn the_tenants_of_one_caller_are_bounded() {
    let gate = gate(&[("/sluice/*", "team-*"), ("*", "everyone")]);
    let groups = |count: usize| json!((1..=count).map(|group| format!("/sluice/{group}")).collect::<Vec<_>>());
    assert_eq!(tenants(&gate, groups(63)).map(|names| names.split(',').count()), Ok(64));
    assert_eq!(tenants(&gate, groups(64)), Err(Rejected::Unauthorized(Reason::TenantsTooMany)));
    // Only tenants count, not the groups that they come from.
    let crowd: Vec<_> = (0..300).map(|group| format!("g{group}")).collect();
    assert_eq!(tenants(&gate, json!(crowd)).as_deref(), Ok("everyone"));
}

#[test]
fn rules_that_could_mean_nothing_are_refused() {
    for (value, tenant, expected) in [
        ("/sluice/*", "team-*", None),
        ("/sluice/*", "team-all", None),
        ("a", "team", None),
        ("*", "*", None),
        ("/a/*/b*", "team", Some(RuleFault::Stars)),
        ("**", "team", Some(RuleFault::Stars)),
        ("*", "*-*", Some(RuleFault::Stars)),
        ("a", "team-*", Some(RuleFault::NothingForStar)),
        ("a", "a b", Some(RuleFault::Name)),
        ("a", "", Some(RuleFault::Name)),
        ("a", "..", Some(RuleFault::Name)),
        ("*", "team/*", Some(RuleFault::Name)),
    ] {
        assert_eq!(TenantRule::new(value, tenant).err(), expected, "{value} {tenant}");
    }
    let long = "t".repeat(64);
    assert!(TenantRule::new("*", &long).is_ok());
    assert_eq!(TenantRule::new("*", &format!("{long}*")), Err(RuleFault::Name), "no room for the star");
}

#[test]
fn a_development_token_says_what_means_its_tenant_alone_where_that_can_be() {
    let everyone: &[_] = &[("*", "everyone"), ("/sluice/*", "team-*"), ("3f2a-guid", "team-classroom")];
    for (pairs, tenant, expected) in [
        (TEAMS, "team-blue", Some("/sluice/blue")),
        (TEAMS, "team-classroom", Some("/sluice/classroom")),
        (TEAMS, "team-ops", Some("/sluice/ops")),
        (TEAMS, "other", None),
        (TEAMS, "team-", None),
        (TEAMS, "team-a b", None),
        (everyone, "team-blue", Some("/sluice/blue")),
        (everyone, "everyone", Some("everyone")),
        (&[("*-group", "x")], "x", Some("x-group")),
        (&[("*", "*")], "blue", Some("blue")),
        (&[], "blue", None),
    ] {
        let rules = rules(pairs);
        let entry = rules.entry_for(tenant);
        assert_eq!(entry.as_deref(), expected, "{pairs:?} {tenant}");
    }
}
