//! What `create` makes, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use remora::Remedy;
use remora::delta::Algorithm;
use remora::image::{Digest, ImageReference, UnpackLimits, media_type};
use remora::progress::Silent;
use remora::v3::{self, Compression, CreateOptions, DiffOptions, ManifestKind, V3Error};
use serde_json::{Value, json};

use super::{apply, create, release_pair};
use crate::images::{Bench, image, layer_tar, noise, parse, tar};

#[test]
fn a_delta_rebuilds_its_target_whatever_the_options() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    for compression in [Compression::Gzip, Compression::Bzip2, Compression::Xz, Compression::None] {
        for manifest in [ManifestKind::Docker, ManifestKind::Oci] {
            for algorithm in [Algorithm::Fine, Algorithm::Rsync] {
                let mut options = CreateOptions::default();
                options.encoding.algorithm = algorithm;
                (options.compression, options.manifest) = (compression, manifest);
                let delta = create(&bench, &base, &target, &options).expect("made");
                let delta = bench.put("delta", delta.contents());
                let rebuilt = apply(&bench, &base, &delta).expect("applies");
                let rebuilt = bench.put("rebuilt", rebuilt.contents());
                assert_eq!(rebuilt.id(), target.id());
                assert_eq!(rebuilt.config().bytes(), target.config().bytes());
                for index in 0..target.layer_count() {
                    assert!(layer_tar(&rebuilt, index) == layer_tar(&target, index), "{options:?}");
                }
            }
        }
    }
    assert_eq!(bench.work_in_progress(), [""; 0].map(std::path::PathBuf::from));
}

#[test]
fn the_delta_image_is_what_the_engine_expects() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let delta = create(&bench, &base, &target, &CreateOptions::default()).expect("made");
    let config: Value = serde_json::from_slice(&delta.contents().config).expect("json");
    let text = str::from_utf8(target.config().bytes()).expect("text");
    assert_eq!(
        config["config"],
        json!({ "Labels": {
            "io.resin.delta.base": base.id(),
            "io.resin.delta.config": text,
        }})
    );
    assert_eq!(config["created"], "2026-02-03T04:05:06Z");
    assert_eq!((&config["os"], &config["architecture"]), (&json!("linux"), &json!("amd64")));

    let manifest: Value = serde_json::from_slice(&delta.contents().manifest).expect("json");
    assert_eq!(manifest["mediaType"], media_type::DOCKER_MANIFEST);
    assert_eq!(manifest["config"]["mediaType"], media_type::DOCKER_CONFIG);
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(4));

    let delta = bench.put("delta", delta.contents());
    for index in 0..delta.layer_count() {
        let tar = layer_tar(&delta, index);
        assert_eq!(json!(Digest::of(&tar)), config["rootfs"]["diff_ids"][index]);
        let mut archive = tar::Archive::new(&tar[..]);
        let entry = archive.entries().expect("entries").next().expect("one").expect("valid");
        assert!(entry.header().entry_type().is_file());
        assert!(tar.ends_with(&[0; 1024]));
    }
}

#[test]
fn an_oci_manifest_names_the_target_as_its_subject() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let mut options = CreateOptions::default();
    options.manifest = ManifestKind::Oci;
    let delta = create(&bench, &base, &target, &options).expect("made");
    let manifest: Value = serde_json::from_slice(&delta.contents().manifest).expect("json");
    let subject = target.manifest().expect("has one");
    assert_eq!(manifest["mediaType"], media_type::OCI_MANIFEST);
    assert_eq!(manifest["artifactType"], v3::ARTIFACT_TYPE);
    assert_eq!(manifest["config"]["mediaType"], media_type::OCI_CONFIG);
    assert_eq!(
        manifest["subject"],
        json!({
            "mediaType": subject.media_type(),
            "digest": subject.digest(),
            "size": subject.bytes().len(),
        })
    );
}

#[test]
fn the_same_two_images_make_the_same_delta_everywhere() {
    let (base, target) = release_pair();
    let manifest_digest = |threads: usize| {
        let bench = Bench::new();
        let (base, target) =
            (bench.put("base", &base.build()), bench.put("target", &target.build()));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        let options = CreateOptions::default();
        let delta = pool.install(|| create(&bench, &base, &target, &options)).expect("made");
        delta.report().delta_digest.expect("has one")
    };
    let one = manifest_digest(1);
    assert_eq!(manifest_digest(2), one);
    assert_eq!(manifest_digest(16), one);
}

#[test]
fn shared_layers_cost_next_to_nothing() {
    let mut base = image();
    for seed in 0..3 {
        base = base.layer(&tar(&[("data", &noise(seed, 3_000_000))]));
    }
    let target = base.clone().layer(&tar(&[("etc/config", b"a=2")]));
    let base = base.layer(&tar(&[("etc/config", b"a=1")]));
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let delta = create(&bench, &base, &target, &CreateOptions::default()).expect("made");
    let report = delta.report();
    for layer in &report.layers[..3] {
        assert_eq!((layer.shared, layer.pull_bytes, layer.copies), (Some(true), Some(0), 1));
        assert!(layer.delta_bytes <= 100, "{layer:?}");
        assert_eq!(layer.pays, Some(true));
    }
    assert_eq!(report.layers[3].shared, Some(false));
    assert!(report.total.delta_bytes <= 500, "{report:?}");
    assert_eq!(report.total.pull_bytes, target.pull_size(3));
}

#[test]
fn what_no_device_can_apply_is_refused() {
    let bench = Bench::new();
    let target = image().layer(&tar(&[("a", b"a")]));
    let windows = bench.put("windows", &target.clone().with("os", "windows".into()).build());
    let target = bench.put("target", &target.build());
    let empty = bench.put("empty", &image().build());
    let options = CreateOptions::default();

    let error = create(&bench, &empty, &target, &options).expect_err("no layers");
    assert!(matches!(error, V3Error::BaseWithoutLayers { .. }), "{error}");
    let error = create(&bench, &target, &windows, &options).expect_err("windows");
    assert!(error.to_string().contains("is for \"windows\""), "{error}");
}

#[test]
fn a_target_without_layers_makes_a_delta_without_layers() {
    let bench = Bench::new();
    let base = bench.put("base", &image().layer(&tar(&[("a", b"a")])).build());
    let target = bench.put("target", &image().build());
    let delta = create(&bench, &base, &target, &CreateOptions::default()).expect("made");
    let delta = bench.put("delta", delta.contents());
    let rebuilt = apply(&bench, &base, &delta).expect("applies");
    assert_eq!(bench.put("rebuilt", rebuilt.contents()).id(), target.id());
}

#[test]
fn layers_shorter_than_any_tar_are_layers_too() {
    let bench = Bench::new();
    let base = bench.put("base", &image().layer(b"").layer(b"base").build());
    let target = bench.put("target", &image().layer(b"").layer(b"").layer(b"new").build());
    let delta = create(&bench, &base, &target, &CreateOptions::default()).expect("made");
    let delta = bench.put("delta", delta.contents());
    let rebuilt = apply(&bench, &base, &delta).expect("applies");
    assert_eq!(bench.put("rebuilt", rebuilt.contents()).id(), target.id());
}

#[test]
fn a_damaged_layer_in_the_store_never_gets_into_a_delta() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let options = CreateOptions::default();
    create(&bench, &base, &target, &options).expect("made");
    let all = base.diff_ids().expect("valid").iter().chain(target.diff_ids().expect("valid"));
    for diff_id in all {
        let path = bench.store.path().join("layers").join(diff_id.0.hex());
        let whole = fs::read(&path).expect("stored");
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        let replace = |bytes: &[u8]| {
            fs::remove_file(&path).ok();
            fs::write(&path, bytes).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("mode");
        };
        replace(&damaged);
        let error = create(&bench, &base, &target, &options).expect_err("damaged");
        assert!(matches!(error, V3Error::Store(_)), "{error}");
        assert_eq!(error.remedy(), Some(Remedy::VerifyStore), "{error}");
        fs::remove_file(&path).ok();
        replace(&whole);
    }
    assert_eq!(bench.store.verify().expect("verified").damaged, []);
}

#[test]
fn diff_foretells_what_create_makes_and_inspect_reads_it_back() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let delta = create(&bench, &base, &target, &CreateOptions::default()).expect("made");
    let created = delta.report();
    let mut options = DiffOptions::default();
    options.files = 3;
    let diff = v3::diff(&base, &target, &bench.store, &options, &Silent).expect("computed");
    assert_eq!(diff.delta.layers, created.layers);
    assert_eq!(diff.delta.delta_digest, None);
    assert_eq!(diff.files[0].path, "var/new");
    assert_eq!(diff.files[1].path, "bin/program");
    let seconds = diff.update_seconds.expect("the default device has a model");
    assert!(seconds > created.total.delta_bytes as f64 / 125_000.0);

    let inspected =
        v3::inspect(&bench.put("delta", delta.contents()), &UnpackLimits::default(), &Silent)
            .expect("read");
    assert_eq!((inspected.base_id, inspected.target_id), (base.id(), target.id()));
    assert_eq!(inspected.delta_digest, created.delta_digest);
    for (read, made) in inspected.layers.iter().zip(&created.layers) {
        assert_eq!((read.shared, read.pull_bytes), (None, None));
        assert_eq!((read.diff_id, read.size), (made.diff_id, made.size));
        assert_eq!((read.copies, read.literals), (made.copies, made.literals));
        assert_eq!((read.delta_bytes, read.literal_bytes), (made.delta_bytes, made.literal_bytes));
    }
}

#[test]
fn reports_have_the_field_names_that_scripts_rely_on() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let mut options = DiffOptions::default();
    options.files = 1;
    let diff = v3::diff(&base, &target, &bench.store, &options, &Silent).expect("computed");
    let json = serde_json::to_value(&diff).expect("plain data");
    let keys = |value: &Value| -> String {
        let mut keys: Vec<String> = value.as_object().expect("object").keys().cloned().collect();
        keys.sort();
        keys.join(" ")
    };
    assert_eq!(
        keys(&json),
        "base_id delta_digest files layers pull_seconds ratio target_id total update_seconds"
    );
    assert_eq!(
        keys(&json["layers"][0]),
        "copies delta_bytes diff_id literal_bytes literals pays pull_bytes shared size"
    );
    assert_eq!(keys(&json["total"]), "commands delta_bytes peak_memory pull_bytes seconds");
    assert_eq!(keys(&json["files"][0]), "layers literal_bytes path size");
}

#[test]
fn docker_archives_serve_as_base_target_delta_and_result() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let archive = |name: &str| -> ImageReference {
        parse(&format!("docker-archive:{}:app:1", bench.path().join(name).display()))
    };
    let plain = |builder: &crate::images::ImageBuilder| {
        let mut contents = builder.build();
        let image = bench.put("packed", &contents);
        for (index, blob) in contents.layers.iter_mut().enumerate() {
            *blob = remora::image::Blob::from_bytes(layer_tar(&image, index));
        }
        contents
    };
    let base = bench.put_at(&archive("base.tar"), &plain(&base));
    let target = bench.put_at(&archive("target.tar"), &plain(&target));
    let mut options = CreateOptions::default();
    options.compression = Compression::None;
    let delta = create(&bench, &base, &target, &options).expect("made");
    assert_eq!(delta.report().total.pull_bytes, None);
    let delta = bench.put_at(&archive("delta.tar"), delta.contents());

    let destination = archive("rebuilt.tar");
    let options = remora::apply::ApplyOptions::for_destination(&destination);
    let rebuilt =
        remora::apply::apply(&base, &delta, &bench.store, options, &Silent).expect("applies");
    assert_eq!(bench.put_at(&destination, rebuilt.contents()).id(), target.id());
}

#[test]
fn a_delta_that_nobody_could_read_is_not_made() {
    let bench = Bench::new();
    let base = bench.put("base", &image().layer(&tar(&[("a", b"1")])).build());
    // Each quotation mark takes four characters in the label: escaped in the config, and again there.
    let author = "\"".repeat(3 << 20);
    let target = image().layer(&tar(&[("a", b"2")])).with("author", author.into());
    let target = bench.put("target", &target.build());
    for verify in [true, false] {
        let mut options = CreateOptions::default();
        options.verify = verify;
        let error = create(&bench, &base, &target, &options).expect_err("too large");
        assert!(matches!(error, V3Error::Unreadable(_)), "{error}");
        assert_eq!(error.kind(), remora::ErrorKind::Content);
        assert!(error.to_string().contains("larger than 8388608 bytes"), "{error}");
    }
    assert!(bench.work_in_progress().is_empty());
}

#[test]
fn options_for_a_destination_make_what_it_takes() {
    let (base, target) = release_pair();
    let bench = Bench::new();
    let (base, target) = (bench.put("base", &base.build()), bench.put("target", &target.build()));
    let archive = bench.path().join("delta.tar");
    for place in [format!("docker-archive:{}:delta:1", archive.display()), "oci:x:delta".into()] {
        let options = CreateOptions::for_destination(&parse(&place));
        let is_oci = place.starts_with("oci");
        assert_eq!(options.manifest == ManifestKind::Oci, is_oci, "{place}");
        assert_eq!(options.compression == Compression::None, !is_oci, "{place}");
    }
    let place = parse(&format!("docker-archive:{}:delta:1", archive.display()));
    let compressed = create(&bench, &base, &target, &CreateOptions::default()).expect("made");
    let error =
        bench.transports.write(&place, compressed.contents(), &Silent).expect_err("refused");
    assert_eq!((error.kind(), archive.exists()), (remora::ErrorKind::Usage, false), "{error}");
    let plain = create(&bench, &base, &target, &CreateOptions::for_destination(&place));
    let delta = bench.put_at(&place, plain.expect("made").contents());
    assert_eq!(apply(&bench, &base, &delta).expect("applies").report().target_id, target.id());
}
