//! Requests that make no sense: the right status, nobody contacted, nothing told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use remora::image::{Blob, Digest, ImageContents, media_type};
use serde_json::json;

use super::Scene;
use crate::installation::{Answer, BUILDER_TOKEN};
use crate::scripted_server::{Reply, ScriptedServer};

/// Sends each of these as the target of a request with a good token; all must be answered with
/// `status` before anybody is contacted.
fn assert_refused(scene: &Scene, status: u16, targets: &[String]) {
    let contacts = contacts(scene);
    for target in targets {
        let bearer = format!("Bearer {}", scene.token);
        let answer = scene.server.ask("GET", target, &[("Authorization", &bearer)]);
        let shown: String = target.chars().take(200).collect();
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        assert_plain(scene, &answer);
    }
    assert_eq!(self::contacts(scene), contacts);
}

/// That an answer is for people, and holds no secret.
fn assert_plain(scene: &Scene, answer: &Answer) {
    let kind = answer.header("content-type").unwrap_or("text/plain; charset=utf-8");
    assert_eq!(kind, "text/plain; charset=utf-8");
    let text = format!("{:?}{}", answer.headers, answer.text());
    assert!(!text.contains(BUILDER_TOKEN) && !text.contains(&scene.token), "{text}");
    assert!(text.len() < 2000, "{text}");
}

/// A Helm chart in the form that registries keep it in: an OCI artifact that is no image.
fn chart() -> ImageContents {
    const CONFIG_TYPE: &str = "application/vnd.cncf.helm.config.v1+json";
    let config = br#"{"name":"meter","version":"1.0.0","apiVersion":"v2"}"#.to_vec();
    let layer = Blob::from_bytes(b"no chart, but nobody looks into it".to_vec());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": { "mediaType": CONFIG_TYPE, "digest": Digest::of(&config), "size": config.len() },
        "layers": [{
            "mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
            "digest": layer.digest,
            "size": layer.size,
        }],
    });
    ImageContents {
        manifest: manifest.to_string().into_bytes(),
        manifest_media_type: media_type::OCI_MANIFEST.to_owned(),
        config,
        layers: vec![layer],
        mount_from: Vec::new(),
    }
}

#[test]
fn a_helm_chart_is_refused_by_name() {
    let scene = Scene::new(&[]);
    let repository = "v2/0123456789abcdef0123456789abcdef";
    let mut image = scene.base.image.clone();
    image.contents = chart();
    let chart = scene.installation.push(repository, "latest", &image).reference;
    let (base, target) = (&scene.base, &scene.target);
    let repositories = [&*base.repository, &*target.repository, repository];
    let token = scene.installation.token(&repositories);
    for (src, dest) in [(&chart, &target.reference), (&base.reference, &chart)] {
        for version in [3, 2] {
            let answer = ask_until_known(&scene, version, src, dest, &token);
            assert_eq!(answer.status, 422, "{}", answer.text());
            let named = "application/vnd.cncf.helm.config.v1+json";
            assert!(answer.text().contains(named), "{}", answer.text());
            assert_plain(&scene, &answer);
        }
        let body = json!({ "pairs": [{ "src": src, "dest": dest }] }).to_string();
        let builder = format!("Basic {}", STANDARD.encode(format!("builder:{BUILDER_TOKEN}")));
        let headers = [("Authorization", &*builder), ("Content-Type", "application/json")];
        let answer = scene.server.post("/api/v3/prepare", &headers, &body).json();
        let pair = &answer["pairs"][0];
        assert_eq!(pair["status"], "failed", "{answer}");
        assert!(pair.to_string().contains("vnd.cncf.helm.config"), "{answer}");
    }
}

/// Asks until the answer is another than 504, as devices do.
fn ask_until_known(scene: &Scene, version: u8, src: &str, dest: &str, token: &str) -> Answer {
    let mut answer = scene.server.delta(version, src, dest, token);
    while answer.status == 504 {
        answer = scene.server.delta(version, src, dest, token);
    }
    answer
}

/// How many requests the registry and the API had.
fn contacts(scene: &Scene) -> (usize, usize) {
    let installation = &scene.installation;
    (installation.proxy.requests().len(), installation.api.server.requests().len())
}

#[test]
fn queries_that_make_no_sense_are_400() {
    let scene = Scene::new(&[]);
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let host = scene.installation.registry_host();
    let hex = "a".repeat(64);
    let mut queries = vec![
        String::new(),
        format!("src={src}"),
        format!("dest={dest}"),
        format!("src=&dest={dest}"),
        format!("src={src}&dest="),
        format!("SRC={src}&dest={dest}"),
        format!("src={src}&src={src}&dest={dest}"),
        format!("src={src}&dest={dest}&dest={dest}"),
        format!("src={src}&dest={dest}&%73rc={src}"),
        format!("src={src}&dest={dest}&wait=maybe"),
        format!("src={src}&dest={dest}&wait=true&wait=true"),
        // Numbers are how balenaCloud names images.
        format!("src=1234567&dest={dest}"),
        format!("src={src}&dest=7"),
    ];
    for bad in [
        host.clone(),
        format!("{host}/"),
        format!("{host}//"),
        format!("{host}/v2/ABC"),
        format!("{host}/v2/a@sha256:{}", &hex[1..]),
        format!("{host}/v2/a@sha256:{hex}0"),
        format!("{host}/v2/a@md5:{hex}"),
        format!("{host}/v2/a@{hex}"),
        format!("{host}/v2/a:{}", "t".repeat(129)),
        format!("{host}/v2/a:-b"),
        format!("{host}/v2/../../v2/a"),
        format!("{host}/v2/..%2f..%2fa"),
        format!("{host}/v2/%2e%2e/a"),
        format!("{host}/./a"),
        format!("{host}/v2/a%00"),
        format!("{host}/v2/a%0d%0aX-Evil:%201"),
        format!("{host}/v2/a%20b"),
        format!("{host}/v2/%ff%fe"),
        format!("{host}/v2/a%"),
        format!("{host}/v2/a%2"),
        format!("{host}/v2/a%zz"),
        format!("{host}/v2/%E2%80%AEa"),
        format!("{host}/v2/a?x=y"),
        format!("{host}/v2/a%3Fx"),
        format!("{host}/v2/a%23b"),
        format!("http://{host}/v2/a"),
        format!("{host}/{}", "a/".repeat(400)),
    ] {
        queries.push(format!("src={bad}&dest={dest}"));
        queries.push(format!("src={src}&dest={bad}"));
    }
    queries.push(format!("src={src}&dest={dest}&x={}", "y".repeat(9000)));
    let targets: Vec<String> = ["v2", "v3"]
        .iter()
        .flat_map(|version| {
            queries.iter().map(move |query| format!("/api/{version}/delta?{query}"))
        })
        .collect();
    assert_refused(&scene, 400, &targets);
}

#[test]
fn another_host_is_400_and_never_contacted() {
    let other = ScriptedServer::start(|_| Reply::status(200));
    let scene = Scene::new(&[]);
    let (src, dest) = (&scene.base.reference, &scene.target.reference);
    let (host, address) = (scene.installation.registry_host(), other.address());
    let name = &scene.base.repository;
    let port = host.split(':').nth(1).expect("a port");
    let mut targets = Vec::new();
    for named in [
        format!("{address}/{name}"),
        format!("{address}/{name}@sha256:{}", "0".repeat(64)),
        format!("{host}@{address}/{name}"),
        format!("{host}%40{address}/{name}"),
        format!("user:password@{address}/{name}"),
        format!("{host}.evil.test/{name}"),
        format!("{host}%00{address}/{name}"),
        format!("{address}%2F{host}/{name}"),
        format!("localhost:{port}/{name}"),
        format!("127.1:{port}/{name}"),
        format!("0x7f000001:{port}/{name}"),
        format!("[::1]:{port}/{name}"),
        format!("127.0.0.1/{name}"),
        format!("127.0.0.1:0{port}/{name}"),
        "docker.io/library/alpine:latest".to_owned(),
        "alpine:latest".to_owned(),
        name.clone(),
        format!("/{name}"),
    ] {
        targets.push(format!("/api/v3/delta?src={named}&dest={dest}"));
        targets.push(format!("/api/v2/delta?src={src}&dest={named}"));
    }
    assert_refused(&scene, 400, &targets);
    assert!(other.requests().is_empty());
}

#[test]
fn what_is_not_there_is_404_or_405_and_a_long_head_is_refused() {
    let scene = Scene::new(&[]);
    let contacts = contacts(&scene);
    let query = format!("src={}&dest={}", scene.base.reference, scene.target.reference);
    let bearer = format!("Bearer {}", scene.token);
    let long = "x".repeat(200 << 10);
    let target = format!("/api/v3/delta?{query}");
    for (method, target, extra, expected) in [
        ("GET", "/nothing".to_owned(), "", 404..=404),
        ("GET", format!("/api/v1/delta?{query}"), "", 404..=404),
        ("GET", format!("/api/v3/delta/?{query}"), "", 404..=404),
        ("GET", format!("/api/v3/../v3/delta?{query}"), "", 404..=404),
        ("GET", format!("//api/v3/delta?{query}"), "", 404..=404),
        ("GET", "/../../etc/passwd".to_owned(), "", 400..=404),
        ("POST", target.clone(), "", 405..=405),
        ("PUT", target.clone(), "", 405..=405),
        ("DELETE", target.clone(), "", 405..=405),
        ("GET", target.clone(), long.as_str(), 400..=431),
        ("GET", format!("/api/v3/delta?{query}&{long}"), "", 400..=431),
    ] {
        let headers = [("Authorization", bearer.as_str()), ("X-Long", extra)];
        let answer = scene.server.ask(method, &target, &headers);
        let shown: String = target.chars().take(100).collect();
        assert!(expected.contains(&answer.status), "{method} {shown}: {}", answer.status);
    }
    assert_eq!(self::contacts(&scene), contacts);
    // It is still there for everybody else.
    assert_eq!(scene.ask_on(3).status, 200);
}

#[test]
fn digests_that_somebody_made_up_make_no_jobs() {
    let scene = Scene::new(&[]);
    let (base, target) = (&scene.base, &scene.target);
    let host = scene.installation.registry_host();
    for number in 0..50 {
        let made_up = |repository: &str| format!("{host}/{repository}@sha256:{number:064x}");
        for (src, dest) in [
            (made_up(&base.repository), target.reference.clone()),
            (base.reference.clone(), made_up(&target.repository)),
        ] {
            let answer = scene.server.delta(3, &src, &dest, &scene.token);
            assert_eq!(answer.status, 404, "{}", answer.text());
        }
    }
    assert!(!scene.server.log().contains("job queued"));
    // What is there is looked up once, and no more when it is known.
    assert_eq!(scene.ask_on(3).status, 200);
    let looks = || scene.installation.proxy.count(&format!("HEAD /v2/{}/", base.repository));
    let before = looks();
    assert_eq!(scene.ask_on(3).status, 200);
    assert_eq!(looks(), before);
}
