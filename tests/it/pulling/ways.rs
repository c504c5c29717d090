//! The way that an image comes.

use serde_json::Value;

use super::{Bench, DELTA_BYTES, TALK_BYTES, id, image, noise, release_1, release_2, tar};
use crate::images::{linux, parse};
use crate::registry_server::RegistryServer;
use crate::sample_image::{SampleImage, Style};
use crate::scripted_server::{Reply, ScriptedServer};

pub(super) fn assert_by_delta(bench: &Bench, options: &str) {
    let (answer, received) = bench.pull("2", options);
    assert_eq!(answer["id"], id(&release_2().build()).as_str());
    assert_eq!(answer["way"], "delta", "{answer:#}");
    assert_eq!(answer["base"], bench.app("1").as_str());
    assert!(received < DELTA_BYTES + TALK_BYTES, "{received} bytes over the link");
    let fetched = answer["fetched_bytes"].as_u64().expect("a number");
    assert!(fetched <= received && fetched == answer["bytes"], "{answer:#}");
}

#[test]
fn the_first_image_comes_by_its_layers_and_the_next_by_a_delta_that_refers_to_it() {
    let bench = Bench::with_delta();
    let (answer, received) = bench.pull("1", "");
    assert_eq!((&answer["way"], &answer["delta"]), (&"layers".into(), &Value::Null));
    assert!(received > 2_400_000 && received < 2_500_000, "{received} bytes over the link");
    assert_by_delta(&bench, "");

    // Nothing is left to fetch.
    let (answer, received) = bench.pull("2", "");
    assert_eq!((&answer["way"], &answer["fetched_bytes"]), (&"at_hand".into(), &0.into()));
    assert!(received < TALK_BYTES);
}

#[test]
fn deltas_for_hosts_are_found_beside_the_image_and_applied() {
    for format in ["remora", "oci-delta"] {
        let bench = Bench::with_delta_of(format);
        bench.pull("1", "");
        assert_by_delta(&bench, "");
    }
}

#[test]
fn of_several_deltas_the_smallest_is_taken() {
    let bench = Bench::with_delta();
    bench.create_delta("1", "2", "for-hosts", "--format remora");
    bench.pull("1", "");
    let (answer, _) = bench.pull("2", "");
    let deltas = bench.succeed(&format!("list {} --json", bench.app("2"))).json();
    let deltas = deltas["deltas"].as_array().expect("an array").clone();
    assert_eq!(deltas.len(), 2, "{deltas:#?}");
    assert_eq!(deltas[0]["format"], "remora");
    let taken = answer["delta"].as_str().expect("a name");
    assert!(taken.ends_with(deltas[0]["digest"].as_str().expect("a digest")), "{taken}");
}

#[test]
fn a_delta_for_hosts_may_be_named_itself() {
    let bench = Bench::with_delta_of("remora");
    bench.pull("1", "");
    let (answer, received) = bench.pull("for-hosts", "--as app:2");
    assert_eq!(answer["id"], id(&release_2().build()).as_str());
    assert!(received < DELTA_BYTES + TALK_BYTES, "{received} bytes over the link");
}

#[test]
fn a_base_may_be_named_where_it_is() {
    let bench = Bench::with_delta();
    bench.pull("1", "--to oci:images:1 --as app:here");
    bench.succeed("rmi app:here");
    assert_eq!(bench.layers(), [""; 0]);
    let (answer, received) = bench.pull("2", "--from oci:images:1");
    assert_eq!((&answer["way"], &answer["base"]), (&"delta".into(), &"oci:images:1".into()));
    assert!(received < DELTA_BYTES + TALK_BYTES, "{received} bytes over the link");
}

#[test]
fn a_base_without_layers_that_is_named_is_at_hand() {
    let bench = Bench::new();
    bench.push("empty", &image().build());
    bench.create_delta("empty", "2", "from-empty", "--format remora");
    let from = format!("--from {} --as app:2", bench.app("empty"));
    let (answer, _) = bench.pull("from-empty", &from);
    assert_eq!(answer["id"], id(&release_2().build()).as_str());
}

#[test]
fn a_base_that_would_cost_more_than_it_saves_is_not_fetched() {
    let bench = Bench::with_delta();
    let (answer, received) = bench.pull("2", &format!("--from {}", bench.app("1")));
    assert_eq!(answer["way"], "layers", "{answer:#}");
    assert!(received < 2_500_000, "{received} bytes over the link");
}

#[test]
fn a_layer_that_is_smaller_than_its_delta_comes_as_it_is() {
    let bench = Bench::new();
    // The second layer changes much, the third is new and tiny.
    let three = || release_2().layer(&tar(&[("note", b"hello")]));
    bench.push("3", &three().build());
    bench.create_delta("1", "3", "from-1", "--manifest oci --effort 1");
    bench.pull("1", "");
    let (answer, _) = bench.pull("3", "");
    let layers = answer["layers"].as_array().expect("an array");
    let ways: Vec<&str> = layers.iter().filter_map(|layer| layer["way"].as_str()).collect();
    assert_eq!(ways[..2], ["at_hand", "delta"], "{answer:#}");
    assert_eq!(answer["id"], id(&three().build()).as_str());
}

#[test]
fn without_deltas_only_new_layers_are_fetched() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    let (answer, received) = bench.pull("2", "--no-delta");
    assert_eq!((&answer["way"], &answer["delta"]), (&"layers".into(), &Value::Null));
    assert!(received > 2_000_000 && received < 2_100_000, "{received} bytes over the link");
}

#[test]
fn a_dry_run_says_the_way_and_fetches_no_blob() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    let (answer, received) = bench.pull("2", "--dry-run");
    assert_eq!((&answer["way"], &answer["fetched_bytes"]), (&"delta".into(), &0.into()));
    assert!(received < TALK_BYTES);
    let planned = answer["bytes"].clone();
    let (answer, _) = bench.pull("2", "");
    assert_eq!(answer["fetched_bytes"], planned);
}

#[test]
fn a_delta_itself_makes_its_image_from_what_is_here() {
    let bench = Bench::with_delta();
    let line = format!("pull {} --as app:2", bench.app("from-1"));
    let ran = bench.run(&line);
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("which is not at hand"), "{}", ran.stderr);
    assert!(ran.stderr.contains("pull that image first"), "{}", ran.stderr);

    bench.pull("1", "");
    let answer = bench.succeed(&format!("{line} --json")).json();
    assert_eq!(answer["id"], id(&release_2().build()).as_str());
    assert_eq!((&answer["digest"], &answer["image_bytes"]), (&Value::Null, &Value::Null));
}

#[test]
fn a_stick_carries_a_delta_to_a_machine_without_a_network() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    let app = format!("{}/app", bench.registry.address());
    bench.succeed(&format!("create {app}:1 {app}:2 --output oci-archive:stick.tar --store making"));
    bench.link.take_received();
    let answer = bench.succeed("pull oci-archive:stick.tar --as app:2 --json").json();
    assert_eq!((bench.link.take_received(), &answer["way"]), (0, &"delta".into()));
    assert_eq!(answer["id"], id(&release_2().build()).as_str());
}

#[test]
fn a_delta_server_is_asked_as_devices_ask_it() {
    let bench = Bench::new();
    bench.create_delta("1", "2", "any-name", "--manifest docker");
    bench.pull("1", "");
    let name = bench.app("any-name");
    let server = ScriptedServer::start(move |request| {
        let known = request.header("authorization") == Some("Bearer let-me-in");
        match (request.is("GET", "/api/v3/delta?src="), known) {
            (true, true) => Reply::ok(serde_json::json!({ "name": name }).to_string()),
            (true, false) => Reply::status(401),
            _ => Reply::status(404),
        }
    });
    std::fs::write(bench.path("token"), "let-me-in\n").expect("written");
    let url = format!("--delta-server http://{}", server.address());
    assert_by_delta(&bench, &format!("{url} --delta-server-token-file token"));
    let requests = server.requests();
    assert!(requests[0].path.contains("/app@sha256:"), "{}", requests[0].path);

    // A server that refuses keeps nobody from the image.
    bench.succeed(&format!("rmi {}", bench.app("2")));
    let ran = bench.succeed(&format!("pull {} {url}", bench.app("2")));
    assert!(ran.stderr.contains("going on without the delta server"), "{}", ran.stderr);
}

#[test]
fn a_delta_server_can_send_nobody_to_another_registry() {
    let (bench, elsewhere) = (Bench::new(), RegistryServer::open());
    bench.pull("1", "");
    let name = format!("{}/app:from-1", elsewhere.address());
    let server =
        ScriptedServer::start(move |_| Reply::ok(serde_json::json!({ "name": name }).to_string()));
    let (answer, _) = bench.pull("2", &format!("--delta-server http://{}", server.address()));
    assert_eq!(answer["way"], "layers");
}

#[test]
fn a_delta_server_of_no_use_is_told_of_in_one_line() {
    let bench = Bench::new();
    bench.pull("1", "");
    let deltas = |name: &str| {
        let delta = serde_json::json!({ "format": "remora", "name": name, "size": 1 });
        Reply::ok(serde_json::json!({ "deltas": [delta] }).to_string())
    };
    let elsewhere = "which is not in the image's registry";
    for (answer, told) in [
        (Reply::status(500), "answered 500"),
        (Reply::status(503), "answered 503"),
        (Reply::status(302).header("Location", "/x"), "a redirect"),
        (Reply::status(404), "answered 404"),
        (Reply::ok("<html>"), "no list of deltas"),
        (deltas("elsewhere.example/app:1"), elsewhere),
        (deltas("oci-archive:stick.tar"), elsewhere),
        (deltas(&bench.app("2")), "no delta is worth it"),
        (deltas(&bench.app("1")), "that is no delta to the image"),
    ] {
        let server = ScriptedServer::start(move |_| answer.clone());
        let url = format!("--delta-server http://{}", server.address());
        let ran = bench.succeed(&format!("pull {} {url} --dry-run", bench.app("2")));
        let quiet = "is not asked to make one now";
        assert!(ran.stderr.contains(told) || ran.stderr.contains(quiet), "{}", ran.stderr);
        let ran = bench.succeed(&format!("pull {} {url}", bench.app("2")));
        assert_eq!(ran.stderr.lines().count(), 1, "{told}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
        bench.succeed(&format!("rmi {}", bench.app("2")));
    }
}

#[test]
fn a_dry_run_says_that_a_delta_server_is_not_asked_to_make_a_delta() {
    let bench = Bench::new();
    bench.pull("1", "");
    let server = ScriptedServer::start(|_| Reply::ok(r#"{"deltas":[]}"#));
    let url = format!("--delta-server http://{}", server.address());
    let ran = bench.succeed(&format!("pull {} {url} --dry-run", bench.app("2")));
    assert!(ran.stderr.contains("is not asked to make one now"), "{}", ran.stderr);
    assert!(server.requests_to("GET", "/api/v3/delta").is_empty());
}

#[test]
fn a_base_that_is_fetched_again_counts_among_what_came() {
    let bench = Bench::with_delta_of("remora");
    bench.pull("1", "");
    let layers = bench.path("store/layers");
    let size = |name: &String| std::fs::metadata(layers.join(name)).expect("a file").len();
    let largest = bench.layers().into_iter().max_by_key(size).expect("a layer");
    let path = layers.join(largest);
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[600_000] ^= 1;
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, bytes).expect("written");
    let (answer, received) = bench.pull("for-hosts", "--as app:2");
    let fetched = answer["fetched_bytes"].as_u64().expect("a number");
    assert!(fetched > 2_000_000 && fetched <= received, "{fetched} of {received}: {answer:#}");
}

#[test]
fn what_came_is_compared_with_what_would_have_come_without_deltas() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    let (plain, _) = bench.pull("2", "--no-delta --dry-run");
    assert_eq!(plain["plain_bytes"], plain["bytes"]);
    let (answer, _) = bench.pull("2", "");
    assert_eq!(answer["plain_bytes"], plain["bytes"]);
    assert_eq!(answer["delta_format"], "v3");
    let (again, _) = bench.pull("2", "");
    assert_eq!(again["plain_bytes"], 0);
}

#[test]
fn a_delta_that_lies_is_found_out_and_done_without() {
    let bench = Bench::new();
    // It says that it makes release 2, and makes something else.
    let other = image().layer(&super::bottom()).layer(&tar(&[("app", &noise(9, 1_000))]));
    bench.push("other", &other.build());
    bench.create_delta("1", "other", "honest", "--manifest docker");
    let honest = bench.registry.address() + "/app:honest";
    let (transports, _settings) = crate::registry_client::client(1, &serde_json::json!({}));
    let honest = transports.open(&crate::images::parse(&honest), &crate::images::linux());
    let honest = honest.expect("opens");
    let (base, config) = (id(&release_1().build()), release_2().config());
    let mut liar = image().delta(&base, &config);
    for layer in 0..honest.layer_count() {
        let tar = crate::images::layer_tar(&honest, layer);
        liar = liar.layer(&tar);
    }
    bench.push("delta-app", &liar.build());
    bench.pull("1", "");
    let ran = bench.succeed(&format!("pull {} --json", bench.app("2")));
    assert!(ran.stderr.contains("going on without the delta"), "{}", ran.stderr);
    assert!(ran.stderr.contains("it is not the layer that the config names"), "{}", ran.stderr);
    assert_eq!((&ran.json()["way"], &ran.json()["delta"]), (&"layers".into(), &Value::Null));
    assert_eq!(ran.json()["id"], id(&release_2().build()).as_str());

    // Named itself, it is what was asked for.
    bench.succeed(&format!("rmi {}", bench.app("2")));
    let ran = bench.run(&format!("pull {} --as app:2", bench.app("delta-app")));
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert_eq!(bench.succeed("images --json").json()["images"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_registry_that_does_not_say_which_deltas_it_has_keeps_nobody_from_the_image() {
    let sample = SampleImage::new(Style::Docker, "x");
    let base = SampleImage::new(Style::Docker, "y");
    for (path, answer) in [
        ("/referrers/", Reply::status(403)),
        ("/referrers/", Reply::status(500)),
        ("/referrers/", Reply::ok("<html>log in</html>")),
        ("/tags/list", Reply::status(401)),
        ("/tags/list", Reply::status(405)),
        ("/tags/list", Reply::ok("")),
        ("/referrers/", Reply::ok(odd_referrers())),
    ] {
        let bench = Bench::new();
        bench.push("y", &base.contents);
        bench.pull("y", "");
        let odd = answer.clone();
        let server = ScriptedServer::with_image(&sample, move |request| {
            request.is("GET", path).then(|| odd.clone())
        });
        let target = format!("{}/app:1", server.address());
        let ran = bench.succeed(&format!("pull {target} --retries 0 --json"));
        assert_eq!(ran.json()["id"], sample.id().to_string(), "{answer:?}");
    }
}

/// A list of referrers in which nothing can be used.
fn odd_referrers() -> String {
    let entry = |digest: &str| serde_json::json!({ "mediaType": "x", "digest": digest, "size": 1 });
    let odd = ["sha512:00", "nonsense", "sha256:00"].map(entry);
    serde_json::json!({ "schemaVersion": 2, "manifests": odd }).to_string()
}

#[test]
fn a_delta_whose_blob_is_lost_is_done_without() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    let (answer, _) = bench.pull("2", "--dry-run");
    assert_eq!(answer["way"], "delta");
    let (transports, _settings) = crate::registry_client::client(1, &serde_json::json!({}));
    let delta = parse(&format!("{}/app:from-1", bench.registry.address()));
    let delta = transports.open(&delta, &linux()).expect("opens");
    let lost = delta.manifest().expect("a manifest").layers()[1].digest.hex();
    let blobs = bench.registry.data().join("docker/registry/v2/blobs/sha256");
    std::fs::remove_dir_all(blobs.join(&lost[..2]).join(&lost)).expect("removed");
    let ran = bench.succeed(&format!("pull {} --json", bench.app("2")));
    assert!(ran.stderr.contains("going on without the delta"), "{}", ran.stderr);
    assert_eq!(ran.json()["way"], "layers");
}

#[test]
fn sizes_that_nothing_has_are_summed_without_harm() {
    let sample = SampleImage::new(Style::Docker, "x");
    let manifest = String::from_utf8(sample.contents.manifest.clone()).expect("text");
    let mut document: Value = serde_json::from_str(&manifest).expect("JSON");
    for layer in document["layers"].as_array_mut().expect("layers") {
        layer["size"] = serde_json::json!(i64::MAX);
    }
    let mut huge = sample.clone();
    huge.contents.manifest = document.to_string().into_bytes();
    let server = ScriptedServer::with_image(&huge, |_| None);
    let bench = Bench::new();
    let target = format!("{}/app:1", server.address());
    let ran = bench.succeed(&format!("pull {target} --dry-run --json"));
    assert_eq!(ran.json()["image_bytes"], 2 * i64::MAX.unsigned_abs());
    assert!(matches!(bench.run(&format!("pull {target}")).code, Some(3 | 4)));
}
