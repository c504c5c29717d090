//! A working day: sign in, see a build move, have a failure tried again, look into a delta, sign out.

use super::browser::{Browser, PHONE};
use super::{PAUSE, SIZE, Scene, TRIES};
use crate::installation::{BUILDER_TOKEN, Fault, Pair};

/// Signs in as the builder.
pub(super) fn sign_in(browser: &Browser, scene: &Scene, credential: &str) {
    browser.go(&scene.url("/"));
    browser.write("#credential", credential);
    browser.click(".sign-in button");
    browser.until("document.readyState === 'complete' && location.pathname === '/'");
}

/// Looks at the overview until what was saved is there: it is written down some seconds later.
pub(super) fn until_saved(browser: &Browser, scene: &Scene) {
    let is_there = (0..TRIES).any(|_| {
        browser.go(&scene.url("/"));
        std::thread::sleep(10 * PAUSE);
        browser.script("return document.querySelector('svg rect') !== null") == true
    });
    assert!(is_there, "{}", browser.text("main"));
}

/// How many jobs of a section are in this state.
fn jobs(section: &str, state: &str) -> String {
    format!("document.querySelectorAll('[data-live={section}] [data-state={state}]').length")
}

#[test]
fn somebody_signs_in_sees_builds_move_has_a_failure_tried_again_and_signs_out() {
    let (scene, browser) = (Scene::new(&[]), Browser::start());
    browser.go(&scene.url("/"));
    browser.picture("1-sign-in");
    browser.write("#credential", "not-the-credential");
    browser.click(".sign-in button");
    browser.until("document.querySelector('[role=alert]')");
    assert!(browser.text("main").contains("neither the builder credential"));
    browser.picture("2-refused");

    // By keyboard alone: the field has the focus.
    let ready = scene.ready(0, "org/ships");
    scene.deliver(&ready);
    browser.go(&scene.url("/"));
    browser.until("document.activeElement.id === 'credential'");
    browser.write("#credential", BUILDER_TOKEN);
    browser.press("\u{e007}");
    browser.until("document.querySelector('[data-live=builds]')");
    assert!(!browser.url().contains(BUILDER_TOKEN));
    assert_eq!(browser.script("return document.cookie"), "", "no script sees the session");
    browser.until("document.getElementById('live').textContent === 'live'");

    // A build appears, moves and ends while the page is open; nobody reloads the page.
    browser.script("window.same_page = true");
    scene.installation.proxy.set(Fault::HoldLayers);
    let moving = scene.pushed(1, &Pair::similar(2, 200 * SIZE));
    scene.prepare(&moving, "org/ships");
    browser.until(&format!("{} === 1", jobs("builds", "preparing")));
    assert!(browser.text("[data-live=builds] .stage").contains("fetch"));
    assert!(browser.text("[data-live=releases]").contains("org/ships"));
    browser.script(
        "window.seen = []; new MutationObserver(() => {
            const bar = document.querySelector('[data-live=builds] progress');
            if (bar) window.seen.push(bar.value);
        }).observe(document.querySelector('main'),
            { attributes: true, childList: true, characterData: true, subtree: true });",
    );
    browser.picture("3-building");
    scene.installation.proxy.set(Fault::None);
    browser.until(&format!(
        "{} === 0 && {} === 2",
        jobs("builds", "preparing"),
        jobs("ready", "ready")
    ));
    browser.until("document.getElementById('said').textContent.includes('ready')");
    assert_eq!(browser.script("return window.seen.some((value) => value > 0)"), true);
    assert_eq!(browser.script("return window.same_page === true"), true);

    // A failure, with its reason; tried again it succeeds.
    let failed = scene.failed(2, "org/ships");
    browser.until(&format!("{} === 1", jobs("failed", "failed")));
    browser.picture("4-failed");
    browser.click("[data-live=failed] .retry button");
    browser.until("location.pathname === '/delta'");
    scene.until_state(&failed, "ready");
    browser.until("document.querySelector('.state[data-state=ready]')");

    // Inside of the delta: layers, and the file that it is spent on.
    browser.until("document.querySelector('th.path')");
    assert!(browser.text("main").contains("Layers, the lowest first"));
    assert_eq!(browser.text("th.path"), "data");
    browser.picture("5-delta");

    // What was saved is written down some seconds later.
    until_saved(&browser, &scene);
    browser.click("summary");
    browser.until("document.querySelector('details').open");
    assert!(browser.text("details").contains("org/ships"));
    browser.picture("6-overview");
    browser.prefer("dark");
    browser.picture("7-overview-dark");
    browser.resize(PHONE);
    browser.picture("8-overview-phone-dark");
    browser.prefer("light");
    browser.go(&scene.url("/jobs"));
    browser.until("document.querySelectorAll('.jobs li').length === 3");
    browser.picture("9-jobs-phone");
    assert_eq!(
        browser.script("return document.documentElement.scrollWidth <= innerWidth"),
        true,
        "a phone scrolls in one direction"
    );

    browser.click(".who button");
    browser.until("document.querySelector('.sign-in')");
    browser.go(&scene.url("/jobs"));
    browser.until("document.querySelector('.sign-in')");
    assert!(!scene.server.log().contains(BUILDER_TOKEN));
}

#[test]
fn all_of_it_works_without_the_script() {
    let (scene, browser) = (Scene::new(&[]), Browser::start());
    browser.run_scripts(false);
    sign_in_without_script(&browser, &scene);
    let failed = scene.failed(0, "org/ships");
    browser.go(&scene.url("/jobs?state=failed"));
    assert!(browser.text("main").contains("failed"));
    browser.click(".retry button");
    scene.until_state(&failed, "ready");
    browser.go(&scene.url("/jobs?state=ready"));
    browser.click(".jobs a");
    assert!(browser.text("main").contains("Commands"));
    browser.click(".who button");
    assert!(browser.text("main").contains("Sign in"));
}

fn sign_in_without_script(browser: &Browser, scene: &Scene) {
    browser.go(&scene.url("/"));
    browser.write("#credential", BUILDER_TOKEN);
    browser.click(".sign-in button");
    assert!(browser.text("main").contains("Nothing is being built."));
}
