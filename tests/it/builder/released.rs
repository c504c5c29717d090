//! Pushes that become releases: rows, images and deltas, as devices find them.

use serde_json::json;

use super::projects::data;
use super::pushes::Push;
use super::scene::Scene;

#[test]
fn a_recorded_push_becomes_a_final_release_that_the_fleet_runs() {
    for name in ["one-container", "one-container-25"] {
        let scene = Scene::new();
        let answer = scene.push(Push::recorded(name));
        assert_eq!(answer.exit_code(), 0, "{answer:?}");
        assert!(answer.is_complete(), "{answer:?}");
        let release = answer.release_id().expect("an ID");
        assert_eq!(answer.elements[0]["resource"], "buildLogId");
        assert_eq!(answer.elements.last().expect("elements")["isSuccess"], true);
        for line in ["Starting build for org/fleet, user ann", "Step 1/3 : FROM scratch"] {
            assert!(answer.text().contains(line), "{line}: {}", answer.text());
        }
        let row = scene.rows().release_row(release);
        let commit = row["commit"].as_str().expect("a commit");
        assert!(answer.text().contains(&format!("Release: {commit} (id: {release})")));
        assert_eq!(commit.len(), 32);
        assert_eq!(row["status"], "success");
        assert_eq!(row["source"], "cloud");
        assert!(row["end_timestamp"].is_string(), "{row}");
        assert_eq!(row["composition"]["services"]["main"]["network_mode"], "host");
        let standing = scene.rows().standing(release);
        assert!(standing.is_final && standing.is_target);

        let image = scene.image(release, "main");
        assert_eq!(image["status"], "success");
        assert_eq!(image["project_type"], "Standard Dockerfile");
        let dockerfile = image["dockerfile"].as_str().expect("text");
        assert!(dockerfile.starts_with("FROM scratch\nCOPY heron.txt"), "{dockerfile}");
        let log = image["build_log"].as_str().expect("text");
        assert!(log.contains("Step 2/3 : COPY heron.txt /heron.txt"), "{log}");
        let size: u64 = image["image_size"].as_str().expect("text").parse().expect("a number");
        assert!(size > 0, "{image}");
        assert!(image["error_message"].is_null(), "{image}");
        // The digest is the registry's.
        let opened = scene.installation.open(&scene.reference(release, "main"));
        assert_eq!(opened.layer_count(), 1);
        let labels = scene.rows().image_labels(release, "main");
        assert_eq!(labels["io.resin.features.dbus"], "1");
    }
}

#[test]
fn two_recorded_services_have_labels_variables_and_a_template() {
    let scene = Scene::new();
    let release = scene.pushed(Push::recorded("two-services"));
    let services = scene.rows().images_of(release);
    assert_eq!(services.keys().collect::<Vec<_>>(), ["otter", "plover"]);
    let labels = scene.rows().image_labels(release, "otter");
    assert_eq!(labels["com.example.river"], "wye");
    assert_eq!(labels["io.balena.features.dbus"], "1");
    assert_eq!(scene.rows().image_variables(release, "otter")["DIVES"], "3");
    assert_eq!(scene.rows().image_labels(release, "plover").len(), 0);
    assert_eq!(scene.image(release, "plover")["project_type"], "Dockerfile.template");
    let plover = scene.installation.open(&scene.reference(release, "plover"));
    let config: serde_json::Value =
        serde_json::from_slice(plover.config().bytes()).expect("a configuration");
    assert_eq!(config["config"]["Labels"]["shore"], "north");
    let row = scene.rows().release_row(release);
    let otter = &row["composition"]["services"]["otter"];
    assert_eq!(otter["volumes"], json!(["holt:/var/holt"]));
    assert_eq!(row["composition"]["volumes"], json!({ "holt": {} }));
}

#[test]
fn deltas_from_what_devices_run_are_there_before_the_release_is() {
    let scene = Scene::new();
    let pushed = |change: &str| scene.pushed(data(1, change));
    let (first, second) = (pushed("first"), pushed("second"));
    scene.rows().device(scene.fleet).runs(first).add();
    let answer = scene.push(data(1, "third"));
    assert_eq!(answer.exit_code(), 0, "{answer:?}");
    let third = answer.release_id().expect("an ID");
    let text = answer.text();
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    let is_final = at("Release is final");
    for from in [first, second] {
        assert!(at(&format!("main from release {from} ")) < is_final, "{text}");
        scene.assert_delta(from, third, "main");
    }
    assert!(text.contains(" B instead of "), "{text}");
    scene.assert_delta(first, second, "main");
}

#[test]
fn a_draft_stays_one_and_has_its_deltas() {
    let scene = Scene::new();
    let first = scene.pushed(data(2, "first"));
    let draft = scene.pushed(data(2, "second").parameter("isdraft", "true"));
    assert_eq!(scene.status(draft), "success");
    let standing = scene.rows().standing(draft);
    assert!(!standing.is_final && !standing.is_target);
    assert!(scene.rows().standing(first).is_target);
    scene.assert_delta(first, draft, "main");
    let recorded = scene.pushed(Push::recorded("draft-with-tag-and-note"));
    assert!(!scene.rows().standing(recorded).is_final);
}

#[test]
fn what_the_recorded_pushes_ask_for_is_done() {
    let scene = Scene::new();
    let release = scene.pushed(Push::recorded("other-dockerfile"));
    let image = scene.image(release, "main");
    assert_eq!(image["dockerfile"], "FROM scratch\nCOPY sub/crane.txt /crane.txt");
    let release = scene.pushed(Push::recorded("registry-secrets"));
    let image = scene.image(release, "main").to_string() + &scene.builder.log();
    assert!(!image.contains("not-a-secret"), "{image}");

    let cached = scene.push(Push::recorded("one-container")).text();
    assert!(cached.contains("Using cache"), "{cached}");
    let uncached = scene.push(Push::recorded("without-cache"));
    assert_eq!(uncached.exit_code(), 0, "{uncached:?}");
    assert!(!uncached.text().contains("Using cache"), "{uncached:?}");
}
