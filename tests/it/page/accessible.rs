//! What axe-core finds: nothing, in light and dark, on desks and phones.

use std::fs;

use super::Scene;
use super::browser::{Browser, DESK, PHONE};
use super::story::{sign_in, until_saved};
use crate::installation::{BUILDER_TOKEN, Fault};
use crate::tools;

const PACKAGES: &str = r#"{ "private": true, "dependencies": { "axe-core": "4.14.1" } }"#;

/// The source of axe-core.
fn axe() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("package.json"), PACKAGES).expect("written");
    tools::npm_install(folder.path());
    fs::read_to_string(folder.path().join("node_modules/axe-core/axe.min.js")).expect("axe-core")
}

/// What axe finds wrong in the page as it is shown now: rules and elements.
fn violations(browser: &Browser, axe: &str) -> Vec<String> {
    browser.script(axe);
    let found = browser.script_later(
        "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then(
            (found) => done({ rules: found.passes.length + found.inapplicable.length, violations: found.violations
                .flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.failureSummary}`)) }),
            (error) => done({ rules: 0, violations: [String(error)] }));",
    );
    assert!(found["rules"].as_u64().expect("a number") > 20, "axe looked at something: {found}");
    let violations = found["violations"].as_array().expect("a list").iter();
    violations.map(|it| it.as_str().expect("text").to_owned()).collect()
}

#[test]
fn axe_finds_no_violation_in_light_and_dark_on_desks_and_phones() {
    let (scene, browser, axe) = (Scene::new(&[]), Browser::start(), axe());
    let ready = scene.ready(0, "org/ships");
    scene.deliver(&ready);
    scene.failed(1, "org/a-fleet-with-a-rather-long-name-that-goes-on-and-on");
    scene.installation.proxy.set(Fault::HoldLayers);
    for number in 2..6 {
        scene.prepare(&scene.images(number), "org/ships");
    }
    browser.go(&scene.url("/"));
    check(&browser, &axe, "sign-in");
    sign_in(&browser, &scene, BUILDER_TOKEN);
    until_saved(&browser, &scene);
    browser.until("document.querySelector('[data-live=builds] progress')");
    browser.click("summary");
    check(&browser, &axe, "overview");
    browser.go(&scene.url("/jobs"));
    browser.until("document.querySelectorAll('.jobs li').length === 6");
    check(&browser, &axe, "jobs");
    browser.go(&scene.url("/jobs?state=ready"));
    browser.click(".jobs a");
    scene.installation.proxy.set(Fault::None);
    browser.until("document.querySelector('th.path')");
    check(&browser, &axe, "delta");
    browser.go(&scene.url("/delta"));
    check(&browser, &axe, "unknown");
}

fn check(browser: &Browser, axe: &str, page: &str) {
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for (width, size) in [("desk", DESK), ("phone", PHONE)] {
            browser.resize(size);
            browser.picture(&format!("axe-{page}-{scheme}-{width}"));
            let found = violations(browser, axe);
            assert!(found.is_empty(), "{page} {scheme} {width}: {found:#?}");
        }
    }
    browser.prefer("light");
    browser.resize(DESK);
}
