//! What each answer is given for.

use serde_json::json;

use super::{SIZE, Scene, assert_applies, label};
use crate::installation::{Claims, Fault, Pair, repository};
use crate::sample_image::{SampleImage, Style, tar};

#[test]
fn a_v3_delta_is_made_and_named_and_rebuilds_the_target() {
    let scene = Scene::new(&[]);
    let answer = scene.ask_on(3);
    assert_eq!(answer.name(), scene.usual_name());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.json(), json!({ "name": scene.usual_name() }));

    let delta = scene.installation.open(&answer.name());
    assert_eq!(label(&delta, remora::v3::BASE_LABEL), Some(scene.base.image.id().to_string()));
    assert_applies(&scene.installation, &answer.name(), &scene.base, &scene.target);
}

#[test]
fn a_pair_is_built_once_however_many_ask() {
    let scene = Scene::new(&[("REMORA_LONG_POLL", "20s")]);
    scene.fault(Fault::HoldLayers);
    let ask = || {
        let (src, dest) = (&scene.base.reference, &scene.target.reference);
        scene.server.begin_delta(3, src, dest, &scene.token)
    };
    let waiting: Vec<_> = (0..20).map(|_| ask()).collect();
    // So that all of them wait for what has begun.
    scene.installation.proxy.until_a_layer_is_read();
    scene.fault(Fault::None);
    for exchange in waiting {
        assert_eq!(exchange.answer().name(), scene.usual_name());
    }
    assert_eq!(pushes(&scene), 1);
    // Nor again for whoever comes later, the other format's builder included.
    assert_eq!(scene.ask(3).name(), scene.usual_name());
    assert_eq!(scene.ask_on(2).status, 302);
    assert_eq!(pushes(&scene), 1);
}

#[test]
fn hundreds_who_wait_cost_little_and_all_get_the_name() {
    const WAITING: u64 = 400;
    // Of 10,000 who wait within 256 MiB each may take 26 KiB; of few it is less, since buffers have pages
    // that nobody has touched yet.
    const EACH: u64 = 20 << 10;
    let scene = Scene::new(&[("REMORA_LONG_POLL", "50s"), ("REMORA_RATE_LIMIT", "0")]);
    scene.fault(Fault::HoldLayers);
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let begin = || scene.server.begin_delta(3, src, dest, &scene.token);
    // What is there once and for all comes with the first.
    let first: Vec<_> = (0..20).map(|_| begin()).collect();
    scene.installation.proxy.until_a_layer_is_read();
    until_metric(&scene, "remora_waiting 20");
    let before = scene.server.memory();
    let waiting: Vec<_> = (0..WAITING).map(|_| begin()).collect();
    until_metric(&scene, &format!("remora_waiting {}", 20 + WAITING));
    let grown = scene.server.memory().saturating_sub(before);
    assert!(grown < WAITING * EACH, "{grown} bytes");
    scene.fault(Fault::None);
    for exchange in waiting.into_iter().chain(first) {
        assert_eq!(exchange.answer().name(), scene.usual_name());
    }
}

/// Waits until the server's metrics have this line.
fn until_metric(scene: &Scene, line: &str) {
    while !scene.server.ask("GET", "/metrics", &[]).text().lines().any(|it| it == line) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// How many delta images were pushed.
fn pushes(scene: &Scene) -> usize {
    let requests = scene.installation.proxy.requests();
    let is_push = |line: &&String| line.starts_with("PUT") && line.contains("/manifests/delta-");
    requests.iter().filter(is_push).count()
}

#[test]
fn where_a_delta_is_not_worth_it_the_name_is_the_target_as_it_was_asked_for() {
    let scene = Scene::with(&Pair::unrelated(1), &[]);
    assert_eq!(scene.ask_on(3).name(), scene.target.reference);
    // In the words of each who asks: the same image under another name is the same pair.
    let bare = format!("{}/{}", scene.installation.registry_host(), scene.target.repository);
    for dest in [&format!("{bare}:latest"), &bare] {
        let answer = scene.server.delta(3, &scene.base.reference, dest, &scene.token);
        assert_eq!(&answer.name(), dest);
    }
    assert_eq!(pushes(&scene), 0);
}

#[test]
fn what_is_worth_it_is_a_setting() {
    let scene = Scene::new(&[("REMORA_WORTH_RATIO", "0.000001")]);
    assert_eq!(scene.ask_on(3).name(), scene.target.reference);
}

#[test]
fn a_request_is_held_and_then_told_504_until_the_delta_is_there() {
    let scene = Scene::new(&[("REMORA_LONG_POLL", "1s")]);
    scene.fault(Fault::HoldLayers);
    for version in [3, 2] {
        let answer = scene.ask(version);
        assert_eq!((answer.status, answer.header("content-type")), (504, Some(TEXT)));
    }
    // wait=true outlasts the long poll.
    let target = format!(
        "/api/v3/delta?src={}&dest={}&wait=true",
        scene.base.reference, scene.target.reference
    );
    let bearer = format!("Bearer {}", scene.token);
    let waiting = scene.server.begin("GET", &target, &[("Authorization", &bearer)], b"");
    assert_eq!(scene.ask(3).status, 504);
    assert_eq!(scene.ask(3).status, 504);
    scene.fault(Fault::None);
    assert_eq!(waiting.answer().name(), scene.usual_name());
    assert_eq!(scene.ask_on(2).status, 302);
}

const TEXT: &str = "text/plain; charset=utf-8";

#[test]
fn waiting_to_the_end_has_an_end() {
    let scene = Scene::new(&[("REMORA_LONG_POLL", "1s"), ("REMORA_WAIT", "2s")]);
    scene.fault(Fault::HoldLayers);
    let query = format!("src={}&dest={}", scene.base.reference, scene.target.reference);
    let bearer = format!("Bearer {}", scene.token);
    let target = format!("/api/v3/delta?{query}&wait=true");
    assert_eq!(scene.server.ask("GET", &target, &[("Authorization", &bearer)]).status, 504);
    scene.fault(Fault::None);
}

#[test]
fn an_image_that_is_not_there_is_404() {
    let scene = Scene::new(&[]);
    let host = scene.installation.registry_host();
    let missing = repository(77);
    let token =
        scene.installation.token(&[&scene.base.repository, &scene.target.repository, &missing]);
    let absent = |repository: &str| format!("{host}/{repository}@sha256:{}", "0".repeat(64));
    for (src, dest) in [
        (format!("{host}/{missing}"), scene.target.reference.clone()),
        (scene.base.reference.clone(), format!("{host}/{missing}:latest")),
        (absent(&scene.base.repository), scene.target.reference.clone()),
        (scene.base.reference.clone(), absent(&scene.target.repository)),
    ] {
        let answer = scene.server.delta(3, &src, &dest, &token);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (404, Some(TEXT)),
            "{src} {dest}"
        );
    }
    // A release that comes later is found: this is not remembered for long.
    std::thread::sleep(std::time::Duration::from_millis(1_200));
    let image = SampleImage::new(Style::Docker, "late");
    scene.installation.push(&missing, "latest", &image);
    let dest = format!("{host}/{missing}:latest");
    assert_eq!(scene.server.delta(3, &scene.base.reference, &dest, &token).status, 200);
}

/// An image whose config promises another layer than it has.
pub(super) fn corrupt() -> SampleImage {
    let mut image = SampleImage::of_tars(Style::Docker, "amd64", vec![tar("a", b"what is there")]);
    let promised = SampleImage::of_tars(Style::Docker, "amd64", vec![tar("a", b"what is not")]);
    let digest =
        |image: &SampleImage| remora::image::Digest::of(&image.contents.config).to_string();
    let manifest = String::from_utf8(image.contents.manifest.clone()).expect("text");
    let manifest = manifest.replace(&digest(&image), &digest(&promised)).replace(
        &format!("\"size\":{}", image.contents.config.len()),
        &format!("\"size\":{}", promised.contents.config.len()),
    );
    image.contents.manifest = manifest.into_bytes();
    image.contents.config = promised.contents.config;
    image
}

#[test]
fn a_delta_that_cannot_be_made_is_422_and_that_is_remembered_for_a_time() {
    for (expiry, remembered) in [("1h", true), ("1s", false)] {
        let mut pair = Pair::similar(1, SIZE);
        pair.base = corrupt();
        let scene = Scene::with(&pair, &[("REMORA_FAILURE_EXPIRY", expiry)]);
        let first = scene.ask_on(3);
        if !remembered {
            std::thread::sleep(std::time::Duration::from_millis(1100));
        }
        assert_eq!((first.status, first.header("content-type")), (422, Some(TEXT)));
        let blobs = || scene.installation.proxy.count("/blobs/");
        let before = blobs();
        let second = scene.ask_on(3);
        assert_eq!(second.status, 422);
        assert_eq!(blobs() == before, remembered, "{expiry}");
        if remembered {
            assert_eq!(second.text(), first.text());
        }
    }
}

#[test]
fn a_full_queue_is_503_with_a_time_to_come_back() {
    let settings =
        [("REMORA_MAX_BUILDS", "1"), ("REMORA_MAX_QUEUE", "1"), ("REMORA_LONG_POLL", "60s")];
    let scene = Scene::new(&settings);
    let more: Vec<_> = (1..4)
        .map(|number| {
            scene.installation.push_pair(number, &Pair::similar(number as u64 * 10, SIZE))
        })
        .collect();
    scene.fault(Fault::HoldLayers);
    let begin = |(base, target): &(crate::installation::Pushed, crate::installation::Pushed)| {
        let token = scene.installation.token(&[&base.repository, &target.repository]);
        scene.server.begin_delta(3, &base.reference, &target.reference, &token)
    };
    let first = begin(&(scene.base.clone(), scene.target.clone()));
    scene.installation.proxy.until_a_layer_is_read();
    let second = begin(&more[0]);
    until_metric(&scene, "remora_queue 1");
    let third = begin(&more[1]).answer();
    assert_eq!(third.status, 503, "{}", third.text());
    assert!(third.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()));
    assert_eq!(third.header("content-type"), Some(TEXT));
    scene.fault(Fault::None);
    assert_eq!(first.answer().status, 200);
    assert_eq!(second.answer().status, 200);
    assert_eq!(begin(&more[2]).answer().status, 200);
}

#[test]
fn a_token_that_asks_too_often_is_503_and_never_429() {
    let scene = Scene::new(&[("REMORA_RATE_LIMIT", "1"), ("REMORA_RATE_BURST", "2")]);
    assert_eq!(scene.ask(3).status, 200);
    assert_eq!(scene.ask(3).status, 200);
    let answer = scene.ask(3);
    assert_eq!((answer.status, answer.header("content-type")), (503, Some(TEXT)));
    assert!(answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()));
    // Others are not held responsible.
    let repositories = [scene.target.repository.as_str(), scene.base.repository.as_str()];
    let claims = Claims::new(&scene.installation.registry_host(), &repositories);
    let other = scene.installation.api.token(&claims.with("sub", json!("d_another")));
    let answer = scene.server.delta(3, &scene.base.reference, &scene.target.reference, &other);
    assert_eq!(answer.status, 200);
}
