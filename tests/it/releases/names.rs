//! Names of releases, of all kinds.

use remora::release::ReleaseError;

use super::{Scene, name};

/// The IDs of the releases that two names stand for.
fn found(scene: &Scene, source: &str, target: &str) -> Result<(u64, u64), ReleaseError> {
    let info = scene.user().update_info(&name(source), &name(target))?;
    Ok((info.source.id, info.target.id))
}

fn choices(error: ReleaseError) -> Vec<String> {
    match error {
        ReleaseError::Ambiguous { choices, .. } => choices,
        error => panic!("{error}"),
    }
}

#[test]
fn a_release_is_found_by_id_commit_version_and_fleet() {
    let scene = Scene::new(&[]);
    let rows = scene.rows();
    rows.rename_fleet(scene.fleet, "Fleet");
    let long = format!("abcdef{}", "0".repeat(34));
    let old = rows.release(scene.fleet, &long).version("1.2.3").add();
    let digits = format!("123456{}", "7".repeat(34));
    let numbered = rows.release(scene.fleet, &digits).version("1.2.3").add();
    let latest = rows.release(scene.fleet, &"f".repeat(32)).version("2.0.0").add();
    let draft =
        rows.release(scene.fleet, "dddddd").version("2.0.0").created(1_700_000_000_000).draft();
    let draft = draft.add();
    for (text, id) in [
        (old.to_string().as_str(), old),
        (&long, old),
        ("abcdef", old),
        // Digits that are no ID.
        ("123456", numbered),
        ("1234567", numbered),
        ("12345677777", numbered),
        (&digits, numbered),
        ("org/fleet:1.2.3", old),
        ("org/fleet:1.2.3+rev1", numbered),
        ("ORG/Fleet:1.2.3+rev1", numbered),
        ("Fleet:1.2.3", old),
        ("org/fleet:2.0.0-1700000000000", draft),
        ("org/fleet", latest),
        ("org/fleet:latest", latest),
        ("Fleet", latest),
    ] {
        assert_eq!(found(&scene, text, text).expect(text), (id, id), "{text}");
    }
}

#[test]
fn a_name_of_nothing_is_told() {
    let scene = Scene::new(&[]);
    let rows = scene.rows();
    let failed = rows.release(scene.fleet, "abcdef").status("failed").add().to_string();
    let good = rows.release(scene.fleet, "bbbbbb").version("1.0.0").draft().add().to_string();
    for text in [&*failed, "abcdef", "99", "2147483648", "99999999999999999999", "org/fleet:9.9.9"]
    {
        for (source, target) in [(text, &*good), (&*good, text)] {
            let error = found(&scene, source, target).expect_err(text);
            assert!(matches!(&error, ReleaseError::NoRelease(name) if name == text), "{error}");
        }
    }
    for text in ["org/other", "other:1.0.0", "abc"] {
        let error = found(&scene, &good, text).expect_err(text);
        assert!(matches!(&error, ReleaseError::NoFleet(_)), "{text}: {error}");
    }
    let error = found(&scene, &good, "org/fleet").expect_err("only a draft");
    assert!(matches!(&error, ReleaseError::NothingTracked(_)), "{error}");
}

#[test]
fn a_name_of_several_lists_them() {
    let scene = Scene::new(&[]);
    let rows = scene.rows();
    let other = rows.fleet("other/fleet");
    let releases = [(scene.fleet, "abcdef11"), (other, "abcdef22"), (scene.fleet, "abcdef33")];
    let ids = releases.map(|(fleet, commit)| (rows.release(fleet, commit).add(), commit));
    let listed = choices(found(&scene, "abcdef", "abcdef11").expect_err("three"));
    assert_eq!(listed, ids.map(|(id, commit)| format!("{id} ({commit})")));
    assert_eq!(found(&scene, "abcdef1", "abcdef3").expect("one each"), (ids[0].0, ids[2].0));
    // The same commit was built in both fleets.
    let twin = rows.release(other, "abcdef11").add();
    assert_eq!(choices(found(&scene, "abcdef11", "abcdef33").expect_err("two")).len(), 2);
    let named = found(&scene, &ids[0].0.to_string(), "abcdef33").expect("by ID");
    assert_eq!(named, (ids[0].0, ids[2].0));
    let fleets = choices(found(&scene, "fleet", "fleet").expect_err("two"));
    assert_eq!(fleets, ["org/fleet", "other/fleet"]);
    assert_eq!(found(&scene, "other/fleet", "other/fleet").expect("a slug"), (twin, twin));
}

#[test]
fn releases_of_two_fleets_are_no_update() {
    let scene = Scene::new(&[]);
    let other = scene.rows().fleet("org/other");
    let [one, two] = [scene.fleet, other].map(|fleet| scene.rows().release(fleet, "aaaaaa").add());
    let error = found(&scene, &one.to_string(), &two.to_string()).expect_err("two fleets");
    assert!(matches!(error, ReleaseError::TwoFleets), "{error}");
    let error = scene.user().fleet("org/fleet", Some(&name("org/other"))).expect_err("two fleets");
    assert!(matches!(error, ReleaseError::TwoFleets), "{error}");
}

#[test]
fn names_of_fleets_may_have_any_letters() {
    let scene = Scene::new(&[]);
    let fleet = r#"Ann's "fleet" & more, 100% (ü) + / ?#=$"#.replace('/', "-");
    scene.rows().rename_fleet(scene.fleet, &fleet);
    let release = scene.rows().release(scene.fleet, "aaaaaa").version("1.0.0").add();
    for text in [fleet.clone(), format!("{fleet}:1.0.0")] {
        assert_eq!(found(&scene, &text, &text).expect("found"), (release, release), "{text}");
    }
    // No name reaches beyond its quotes.
    for text in ["x' or '1' eq '1", "org/x' or '1' eq '1", "org/fleet:1' or '1' eq '1"] {
        found(&scene, text, text).expect_err(text);
    }
}
