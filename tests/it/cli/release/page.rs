//! `--html`: a page that needs nothing else.

use std::fs;

use super::super::sandbox::Ran;
use super::{SLUG, Scene};

fn fleet(scene: &Scene, more: &str) -> Ran {
    scene.run(&format!("fleet {SLUG} --to {} {more}", scene.to))
}

#[test]
fn a_page_has_every_service_and_nothing_from_elsewhere() {
    let scene = Scene::new();
    scene.add_devices();
    let ran = fleet(&scene, "--html update.html");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.text().starts_with("fleet: org/thermostat\n"));
    let page = fs::read_to_string(scene.sandbox.path("update.html")).expect("a page");
    for name in ["api", "cache", "new", "worker", SLUG, "1.1.0-1700000000000"] {
        assert!(page.contains(name), "{name}");
    }
    for word in ["http:", "https:", "//", "src=", "href", "<script", "<link", "url(", "@import"] {
        assert!(!page.contains(word), "{word} in the page");
    }
    scene.sandbox.assert_nothing_temporary();
}

#[test]
fn a_name_is_no_markup() {
    let scene = Scene::with(&[], |_, mut images| {
        images.new.iter_mut().for_each(|(service, _)| {
            if *service == "new" {
                *service = "<img src=x onerror=alert(1)>\"'&";
            }
        });
        images
    });
    scene.add_devices();
    let ran = fleet(&scene, "--html -");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("over the air now"), "{}", ran.stderr);
    assert!(ran.text().contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"));
    assert!(!ran.text().contains("<img"), "{}", ran.text());
}

#[test]
fn a_page_replaces_a_page_and_nothing_else() {
    let scene = Scene::new();
    scene.add_devices();
    let path = scene.sandbox.path("page.html");
    for _ in 0..2 {
        assert_eq!(fleet(&scene, "--html page.html").code, Some(0));
    }
    fs::write(&path, "somebody's notes").expect("written");
    let refused = fleet(&scene, "--html page.html");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("page.html is no page that remora wrote"),
        "{}",
        refused.stderr
    );
    assert_eq!(fs::read_to_string(&path).expect("there"), "somebody's notes");
    assert_eq!(fleet(&scene, "--html page.html --replace").code, Some(0));
    assert!(fs::read_to_string(&path).expect("there").starts_with("<!DOCTYPE html>"));

    let over_input = fleet(&scene, "--html key --replace");
    assert!(over_input.code == Some(2) && over_input.stderr.contains("overwrite the input key"));
    let twice = fleet(&scene, "--html - --json");
    assert!(
        twice.code == Some(2) && twice.stderr.contains("cannot carry both the page and --json")
    );
    let nowhere = fleet(&scene, "--html nowhere/page.html");
    assert_eq!(nowhere.code, Some(3), "{}", nowhere.stderr);
}
