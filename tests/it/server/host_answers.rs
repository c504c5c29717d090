//! What hosts are told that take deltas of several formats.

use serde_json::json;

use super::answers::corrupt;
use super::{SIZE, Scene, assert_applies};
use crate::installation::trials::delta_tags;
use crate::installation::{Fault, Pair, Pushed};
use crate::sample_image::{SampleImage, Style, noise, tar};

#[test]
fn hosts_are_told_of_all_deltas_that_are_ready_the_smallest_first() {
    let scene = Scene::new(&[]);
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let ask = |more: &str| {
        let target = format!("/api/deltas?src={src}&dest={dest}{more}");
        let token = format!("Bearer {}", scene.token);
        scene.server.ask("GET", &target, &[("Authorization", &token)])
    };
    assert_eq!(ask("").json(), json!({ "deltas": [], "coming": [], "refused": [] }));
    assert_eq!(ask("").header("retry-after"), None);
    scene.ask_on(3);
    let formats = |answer: &serde_json::Value| {
        let deltas = answer["deltas"].as_array().expect("an array").clone();
        deltas.iter().map(|it| it["format"].as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(formats(&ask("").json()), ["v3"]);

    // Whoever waits has the smallest one made, and it makes the target.
    let answer = ask("&wait=true").json();
    assert_eq!(formats(&answer), ["remora", "v3"], "{answer:#}");
    let name = answer["deltas"][0]["name"].as_str().expect("a name");
    assert!(name.contains(":delta-remora-"), "{name}");
    assert_applies(&scene.installation, name, &scene.base, &scene.target);
    assert_eq!(ask("").json(), answer);

    let strangers = scene.server.ask("GET", &format!("/api/deltas?src={src}&dest={dest}"), &[]);
    assert_eq!(strangers.status, 401);
}

#[test]
fn hosts_are_told_of_a_delta_that_is_being_made_and_of_one_that_cannot_be() {
    let mut pair = Pair::similar(1, SIZE);
    pair.base = corrupt();
    for (scene, coming) in
        [(Scene::new(&[("REMORA_LONG_POLL", "1s")]), true), (Scene::with(&pair, &[]), false)]
    {
        if coming {
            scene.fault(Fault::HoldLayers);
        }
        let (src, dest) = (&scene.base.reference, &scene.target.reference);
        let target = format!("/api/deltas?src={src}&dest={dest}&wait=true");
        let token = format!("Bearer {}", scene.token);
        let answer = scene.server.ask("GET", &target, &[("Authorization", &token)]);
        assert_eq!((answer.status, answer.header("retry-after").is_some()), (200, coming));
        let answer = answer.json();
        assert_eq!(answer["deltas"], json!([]), "{answer:#}");
        let (told, silent) = if coming { ("coming", "refused") } else { ("refused", "coming") };
        assert_eq!(answer[silent], json!([]), "{answer:#}");
        assert_eq!(answer[told][0]["format"], "remora", "{answer:#}");
        scene.fault(Fault::None);
    }
}

#[test]
fn deltas_for_hosts_stay_where_one_image_leads_to_several() {
    let scene = Scene::new(&[]);
    let mut pair = Pair::similar(1, SIZE);
    let targets: Vec<Pushed> = (0..3)
        .map(|number: u8| {
            let config = vec![tar("number", &[number]), tar("data", &noise(1, SIZE))];
            pair.target = SampleImage::of_tars(Style::Docker, "amd64", config);
            scene.installation.push(&scene.target.repository, &format!("v{number}"), &pair.target)
        })
        .collect();
    let ask = |dest: &Pushed, more: &str| {
        let (src, dest) = (&scene.base.reference, &dest.reference);
        let token = format!("Bearer {}", scene.token);
        let target = format!("/api/deltas?src={src}&dest={dest}{more}");
        scene.server.ask("GET", &target, &[("Authorization", &token)]).json()
    };
    let made: Vec<_> = targets.iter().map(|target| ask(target, "&wait=true")).collect();
    for (target, made) in targets.iter().zip(made) {
        assert_eq!(ask(target, ""), made);
        let name = made["deltas"][0]["name"].as_str().expect("a name");
        assert_applies(&scene.installation, name, &scene.base, target);
    }
}

#[test]
fn no_delta_for_hosts_of_an_image_to_itself_is_kept() {
    let scene = Scene::new(&[]);
    let own = &scene.base.reference;
    let token = format!("Bearer {}", scene.token);
    let target = format!("/api/deltas?src={own}&dest={own}&wait=true");
    let answer = scene.server.ask("GET", &target, &[("Authorization", &token)]).json();
    assert_eq!(answer["deltas"], json!([]), "{answer:#}");
    assert_eq!(answer["refused"][0]["format"], "remora", "{answer:#}");
    assert_eq!(delta_tags(&scene.installation, &scene.base.repository), [""; 0]);
}
