//! `create --platform all`: deltas for several platforms under one name, beside skopeo and Debian's registry.

use std::fs;

use remora::image::{Digest, IndexContents};
use remora::progress::Silent;
use serde_json::{Value, json};

use super::sandbox::{Ran, Sandbox};
use crate::images::{Bench, image, noise, tar};
use crate::registry_server::RegistryServer;
use crate::scripted_server::{Reply, ScriptedServer};
use crate::tools::{run, skopeo};

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Makes `oci:NAME`, the fixture's release for each of the architectures.
fn multi(sandbox: &Sandbox, name: &str, release: &str, architectures: &[&str]) {
    let (from, dir) = (sandbox.path("thermostat"), sandbox.path(name));
    run("cp", &["-rL", &from.display().to_string(), &dir.display().to_string()]);
    let blob = |digest: &str| dir.join("blobs/sha256").join(digest.trim_start_matches("sha256:"));
    let read = |digest: &Value| -> Value {
        let bytes = fs::read(blob(digest.as_str().expect("a digest"))).expect("a blob");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let write = |document: &Value| {
        let bytes = document.to_string().into_bytes();
        let digest = Digest::of(&bytes).to_string();
        fs::write(blob(&digest), &bytes).expect("written");
        (digest, bytes.len())
    };
    let top = fs::read(dir.join("index.json")).expect("there");
    let top: Value = serde_json::from_slice(&top).expect("JSON");
    let mut entries = top["manifests"].as_array().expect("an array").iter();
    let is_release =
        |entry: &&Value| entry["annotations"]["org.opencontainers.image.ref.name"] == release;
    let manifest = read(&entries.find(is_release).expect(release)["digest"]);
    let entries: Vec<Value> = architectures
        .iter()
        .map(|architecture| {
            let mut config = read(&manifest["config"]["digest"]);
            config["architecture"] = json!(architecture);
            let (digest, size) = write(&config);
            let mut manifest = manifest.clone();
            manifest["config"]["digest"] = json!(digest);
            manifest["config"]["size"] = json!(size);
            let (digest, size) = write(&manifest);
            json!({ "mediaType": manifest["mediaType"], "digest": digest, "size": size,
                    "platform": { "os": "linux", "architecture": architecture } })
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    let (digest, size) = write(&index);
    let entry = json!({ "mediaType": OCI_INDEX, "digest": digest, "size": size });
    let top = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] });
    fs::write(dir.join("index.json"), top.to_string()).expect("written");
}

/// A sandbox with both releases for amd64 and arm64; the first also for riscv64, the second also for s390x.
fn scene() -> Sandbox {
    let sandbox = Sandbox::new();
    multi(&sandbox, "one", "1.0", &["riscv64", "arm64", "amd64"]);
    multi(&sandbox, "two", "1.1", &["amd64", "arm64", "s390x"]);
    sandbox
}

/// The same with a registry that has both as `app:1` and `app:2`.
pub(super) fn in_registry() -> (Sandbox, RegistryServer, String) {
    let (sandbox, registry) = (scene(), RegistryServer::open());
    let app = format!("{}/app", registry.address());
    for (layout, tag) in [("one", "1"), ("two", "2")] {
        let source = format!("oci:{}", sandbox.path(layout).display());
        let target = format!("docker://{app}:{tag}");
        skopeo(&["copy", "--all", "--quiet", "--dest-tls-verify=false", &source, &target]);
    }
    (sandbox, registry, app)
}

/// The image ID for an architecture, by skopeo.
pub(super) fn image_id(image: &str, architecture: &str) -> String {
    let arguments = ["--override-arch", architecture, "inspect", "--raw", "--config"];
    let config = skopeo(&[&arguments[..], &["--tls-verify=false", image]].concat());
    Digest::of(config.as_bytes()).to_string()
}

pub(super) fn platforms(answer: &Value) -> Vec<&str> {
    let of = |entry: &Value| entry["platform"]["architecture"].as_str().map(str::to_owned);
    let all = answer.as_array().expect("an array");
    assert!(all.iter().all(|entry| of(entry).is_some()), "{answer}");
    all.iter().filter_map(|entry| entry["platform"]["architecture"].as_str()).collect()
}

#[test]
fn each_platform_that_both_images_have_gets_its_delta_under_one_index() {
    let (sandbox, _registry, app) = in_registry();
    for (tag, kind, media_type) in [("delta-1-2", "docker", DOCKER_LIST), ("oci", "oci", OCI_INDEX)]
    {
        let delta = format!("{app}:{tag}");
        let create = format!("create {app}:1 {app}:2 --platform all --manifest {kind}");
        let ran = sandbox.succeed(&format!("{create} -o {delta} --digestfile digest --json"));
        let answer = ran.json();
        assert_eq!(platforms(&answer["deltas"]), ["amd64", "arm64"]);
        let skipped = json!([
            { "platform": { "os": "linux", "architecture": "s390x" }, "only_in": "target" },
            { "platform": { "os": "linux", "architecture": "riscv64" }, "only_in": "base" },
        ]);
        assert_eq!(answer["skipped"], skipped);

        let image = format!("docker://{delta}");
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &image]);
        let index: Value = serde_json::from_str(&raw).expect("JSON");
        assert_eq!(index["mediaType"], media_type);
        assert_eq!(platforms(&index["manifests"]), ["amd64", "arm64"]);
        let digest = Digest::of(raw.as_bytes()).to_string();
        assert_eq!(answer["delta_digest"], digest);
        assert_eq!(fs::read_to_string(sandbox.path("digest")).expect("written"), digest);

        // A store of its own, and the same bytes. What is there are deltas, which are replaced.
        let again = sandbox.succeed(&format!("{create} -o {delta} --store other --json")).json();
        assert_eq!(again["delta_digest"], digest);
        for architecture in ["amd64", "arm64"] {
            let platform = format!("--platform linux/{architecture}");
            let out = format!("oci:out:{tag}-{architecture}");
            sandbox.succeed(&format!("apply {app}:1 {delta} -o {out} {platform}"));
            let out = format!("oci:{}:{tag}-{architecture}", sandbox.path("out").display());
            let rebuilt = image_id(&out, architecture);
            assert_eq!(rebuilt, image_id(&format!("docker://{app}:2"), architecture));
            let found = sandbox.succeed(&format!("list {app}:2 {platform} --json")).json();
            let ids: Vec<&Value> = found["deltas"]
                .as_array()
                .expect("some")
                .iter()
                .map(|it| &it["target_id"])
                .collect();
            assert!(!ids.is_empty() && ids.iter().all(|id| **id == rebuilt), "{found}");
        }
    }
    let text =
        sandbox.succeed(&format!("create {app}:1 {app}:2 --platform all -o {app}:delta-1-2"));
    assert!(text.text().contains("note:    only TARGET is for linux/s390x"), "{}", text.text());
    sandbox.assert_nothing_temporary();
}

#[test]
fn the_layers_of_all_platforms_are_fetched_before_the_first_delta() {
    let bench = Bench::new();
    for (seed, tag) in [(1, "one"), (3, "two")] {
        let of = |seed: u64, architecture: &str| {
            let layer = tar(&[("file", &noise(seed, 10_000)[..])]);
            let contents = image().layer(&layer).with("architecture", architecture.into()).build();
            (format!("linux/{architecture}").parse().expect("a platform"), contents)
        };
        let index = IndexContents::new(vec![of(seed, "amd64"), of(seed + 1, "arm64")]);
        let place = bench.transports.destination(&bench.reference(tag)).expect("free");
        let index = index.expect("two platforms");
        bench.transports.write_index_to(place, &index, &Silent).expect("written");
    }
    let sandbox = Sandbox::new();
    let [base, target] = ["one", "two"].map(|tag| bench.reference(tag));
    let create = format!("create {base} {target} --platform all --output oci:delta -v");
    let ran = sandbox.succeed(&create);
    let (before, after) = ran.stderr.split_once("making the delta for").expect(&ran.stderr);
    assert_eq!(before.matches("fetching it").count(), 4, "{before}");
    assert!(!after.contains("fetching it"), "{after}");
}

#[test]
fn layouts_and_archives_hold_such_an_index_and_other_tools_copy_it() {
    let (sandbox, registry) = (scene(), RegistryServer::open());
    for output in ["oci:deltas:x", "oci-archive:deltas.tar:x"] {
        sandbox
            .succeed(&format!("create oci:one oci:two --platform all --output {output} --quiet"));
        let place = output.replacen(':', &format!(":{}/", sandbox.path("").display()), 1);
        let copy = format!("docker://{}/copy:{}", registry.address(), output.len());
        skopeo(&["copy", "--all", "--quiet", "--dest-tls-verify=false", &place, &copy]);
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &copy]);
        let index: Value = serde_json::from_str(&raw).expect("JSON");
        assert_eq!(platforms(&index["manifests"]), ["amd64", "arm64"], "{output}");
        let apply =
            format!("apply oci:one {output} --platform linux/arm64 --output oci:out:x --json");
        let wanted = image_id(&format!("oci:{}", sandbox.path("two").display()), "arm64");
        assert_eq!(sandbox.succeed(&apply).json()["target_id"], wanted, "{output}");
    }
    sandbox.assert_nothing_temporary();
}

#[test]
fn what_is_for_one_platform_is_not_done_for_all() {
    let sandbox = scene();
    multi(&sandbox, "other", "1.1", &["s390x"]);
    sandbox.create_delta();
    let refused = |arguments: &str, problem: &str| {
        let ran: Ran = sandbox.run(arguments);
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(problem), "{arguments}: {}", ran.stderr);
    };
    let create = "create oci:one oci:two --platform all --output";
    refused(&format!("{create} docker-archive:x.tar"), "holds no index of platforms");
    refused(&format!("{create} x --format v2"), "one image is meant");
    refused("diff oci:one oci:two --platform all", "one image is meant");
    refused("create oci:one oci:other --platform all -o oci:x", "no platform in common");
    // An index is somebody's if any of its images is.
    refused(&format!("{create} oci:two"), "would overwrite the input");
    run(
        "cp",
        &[
            "-r",
            &sandbox.path("two").display().to_string(),
            &sandbox.path("mine").display().to_string(),
        ],
    );
    refused(&format!("{create} oci:mine"), "holds an image that is no delta");
    assert!(!sandbox.path("x").exists() && !sandbox.path("x.tar").exists());
}

#[test]
fn apply_finds_the_delta_to_an_image_of_a_registry() {
    let (sandbox, _registry, app) = in_registry();
    let apply = format!("apply {app}:1 {app}:2 --platform linux/arm64 --output oci:out:2 --json");
    let ran = sandbox.run(&apply);
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(3), &"not_found".into()));
    assert!(ran.stderr.contains("hint: make one with remora create"), "{}", ran.stderr);

    let create = format!("create {app}:1 {app}:2 --quiet --output");
    sandbox.succeed(&format!("{create} {app}:delta-all --platform all"));
    sandbox.succeed(&format!("{create} {app}:delta-arm --platform linux/arm64 --compression none"));
    let ran = sandbox.succeed(&apply);
    let (answer, said) = (ran.json(), ran.stderr);
    assert_eq!(answer["target_id"], image_id(&format!("docker://{app}:2"), "arm64"));
    // The smaller of the two that fit.
    let list = sandbox.succeed(&format!("list {app}:2 --platform linux/arm64 --json")).json();
    let digest = list["deltas"][0]["digest"].as_str().expect("a digest");
    assert_eq!(list["deltas"][0]["reference"], format!("{app}:delta-all"));
    assert_eq!(answer["delta"], format!("{app}@{digest}"));
    assert!(said.contains(&format!("using the delta {app}:delta-all")), "{said}");

    // The other way round there is none.
    let ran = sandbox.run(&format!("apply {app}:2 {app}:1 --output oci:out:1"));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
}

#[test]
fn what_is_there_without_an_index_is_said_and_nothing_leads_to_it() {
    let sandbox = scene();
    let refusing = |part: &'static str| {
        ScriptedServer::taking_everything(move |request| {
            request.is("PUT", part).then(|| Reply::status(403).body("no"))
        })
    };
    let create = |registry: &ScriptedServer| {
        let output = format!("{}/app:all", registry.address());
        sandbox.run(&format!("create oci:one oci:two --platform all -o {output} --json"))
    };
    let registry = refusing("/manifests/all");
    let ran = create(&registry);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let pushed: Vec<String> = registry
        .requests_to("PUT", "/manifests/sha256:")
        .iter()
        .map(|request| Digest::of(&request.body).to_string())
        .collect();
    assert_eq!(pushed.len(), 2);
    let message = ran.json()["error"]["message"].as_str().expect("text").to_owned();
    let name = format!("no index {}/app:all was written", registry.address());
    assert!(message.contains(&name), "{message}");
    assert!(pushed.iter().all(|digest| message.contains(digest.as_str())), "{message}");

    // Where nothing is there yet, nothing is said of it.
    let ran = create(&refusing("/manifests/"));
    let message = ran.json()["error"]["message"].as_str().expect("text").to_owned();
    assert!(!message.contains("no index"), "{message}");
}
