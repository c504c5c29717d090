//! Names and messages that others choose are text, whatever is in them.

use super::browser::Browser;
use super::story::{sign_in, until_saved};
use super::{SIZE, Scene};
use crate::installation::{BUILDER_TOKEN, Fault, Pair};
use crate::sample_image::{SampleImage, Style, noise, tar};

const SCRIPT: &str = "<img src=x onerror=\"window.pwned=1\"><script>window.pwned=1</script>";
const ATTRIBUTE: &str = "\"' onmouseover=window.pwned=1 autofocus onfocus=window.pwned=1 x=\"";

/// Images with a file of this name, which a delta is spent on.
fn pair(file: &str) -> Pair {
    let old = noise(7, SIZE);
    let mut new = old.clone();
    new[SIZE / 2..SIZE / 2 + 900].copy_from_slice(&noise(8, 900));
    let image = |data: &[u8]| {
        SampleImage::of_tars(Style::Docker, "amd64", vec![tar("a", b"a"), tar(file, data)])
    };
    Pair { base: image(&old), target: image(&new) }
}

fn assert_inert(browser: &Browser) {
    let foreign = "return [...document.querySelectorAll('img, script, iframe')]
        .filter((it) => !new URL(it.src, location).pathname.startsWith('/assets/')).length";
    assert_eq!(browser.script(foreign), 0);
    // Chromium shows text in an element with a style of its own.
    let handlers = "return document.contentType === 'text/plain' ? 0 : [...document.querySelectorAll('*')].flatMap((it) => [...it.attributes])
        .filter((it) => it.name.startsWith('on') || it.name === 'style').length";
    assert_eq!(browser.script(handlers), 0);
    assert_eq!(browser.script("return window.pwned === undefined"), true);
    // A name with U+202E would turn the words after it.
    let leaking = "return [...document.querySelectorAll('[title], .name, .reason')]
        .filter((it) => getComputedStyle(it).unicodeBidi !== 'isolate').length";
    assert_eq!(browser.script(leaking), 0);
}

#[test]
fn names_with_html_in_them_are_text() {
    let (scene, browser) = (Scene::new(&[]), Browser::start());
    let file = "<img src=x onerror=window.pwned=1>";
    let ready = scene.pushed(0, &pair(file));
    scene.prepare(&ready, SCRIPT);
    scene.until_state(&ready, "ready");
    scene.deliver(&ready);
    scene.failed(1, ATTRIBUTE);
    sign_in(&browser, &scene, BUILDER_TOKEN);
    scene.installation.proxy.set(Fault::HoldLayers);
    scene.prepare(&scene.images(2), ATTRIBUTE);
    browser.until("document.querySelector('[data-live=builds] progress')");
    until_saved(&browser, &scene);
    assert!(browser.text("[data-live=ready]").contains("<img src=x"));
    browser.click("summary");
    assert!(browser.text("details").contains(SCRIPT));
    assert_inert(&browser);
    browser.picture("hostile");
    scene.installation.proxy.set(Fault::None);
    for path in [
        format!(
            "/jobs?repository={}",
            "%3Cscript%3Ewindow.pwned=1%3C/script%3E%22onfocus=%22pwned=1"
        ),
        "/jobs?state=%22%3E%3Cimg%20src=x%20onerror=window.pwned=1%3E".to_owned(),
        "/delta?format=v3&source=%3Cscript%3E&target=%3Cscript%3E".to_owned(),
        "/assets/%3Cscript%3E".to_owned(),
        "/%3Cscript%3Ewindow.pwned=1%3C/script%3E".to_owned(),
    ] {
        browser.go(&scene.url(&path));
        assert_inert(&browser);
    }
    browser.go(&scene.url("/jobs?state=ready"));
    // The delta that waits may be ready by now, and newer.
    let name = ready.base.repository.rsplit('/').next().expect("a name");
    browser.click(&format!(".jobs a[href*='{name}']"));
    browser.until("document.querySelector('th.path')");
    assert_eq!(browser.text("th.path"), file);
    assert_inert(&browser);
}
