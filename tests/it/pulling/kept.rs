//! The images that the store knows by name.

use std::fs;

use super::{Bench, id, names, release_1, release_2};

fn listed(bench: &Bench) -> Vec<(String, bool)> {
    let answer = bench.succeed("images --json").json();
    let images = answer["images"].as_array().expect("an array").clone();
    let row = |image: &serde_json::Value| {
        (image["name"].as_str().expect("text").to_owned(), image["whole"] == true)
    };
    images.iter().map(row).collect()
}

#[test]
fn what_was_pulled_is_listed_and_goes_with_its_name() {
    let bench = Bench::with_delta();
    assert!(String::from_utf8_lossy(&bench.succeed("images").stdout).contains("no images"));
    bench.pull("1", "");
    bench.pull("2", "");
    let (one, two) = (bench.app("1"), bench.app("2"));
    assert_eq!(listed(&bench), [(one.clone(), true), (two.clone(), true)]);
    let answer = bench.succeed("images --json").json();
    assert_eq!(answer["images"][1]["id"], id(&release_2().build()).as_str());
    assert_eq!(answer["images"][1]["platform"], "linux/amd64");

    assert_eq!(bench.layers().len(), 3);
    let removed = bench.succeed(&format!("rmi {one} --json")).json();
    assert_eq!(removed["removed"][0]["removed_layers"], 1);
    assert_eq!(removed["removed"][0]["kept_layers"], 1);
    assert_eq!((bench.layers().len(), listed(&bench)), (2, vec![(two, true)]));

    let ran = bench.run(&format!("rmi {one}"));
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("no image is kept as") && ran.stderr.contains("remora images"));
}

#[test]
fn an_image_is_named_by_the_start_of_its_id_or_digest_too() {
    let bench = Bench::new();
    bench.pull("1", "");
    bench.pull("1", "--as app:same");
    bench.pull("2", "");
    let answer = bench.succeed("images --json").json();
    let ids: Vec<&str> =
        [0, 1].map(|row| answer["images"][row]["id"].as_str().expect("an ID")).into();
    assert_ne!(ids[0], ids[1], "{answer}");
    let digest = answer["images"][1]["digest"].as_str().expect("a digest");
    bench.succeed(&format!("unpack {digest} by-digest"));
    bench.succeed(&format!("unpack {} by-id", &ids[0]["sha256:".len()..][..12]));
    assert_eq!(fs::read(bench.path("by-id/version")).expect("there"), b"1");
    assert_eq!(bench.run("unpack 0123456789ab nothing").code, Some(3));
    let removed = bench.succeed(&format!("rmi {} --json", &ids[0][..19])).json();
    assert_eq!(removed["removed"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed(&bench), [(bench.app("2"), true)]);
}

#[test]
fn the_name_of_a_file_holds_in_every_folder() {
    let bench = Bench::new();
    bench.succeed(&format!("pull {} --to oci-archive:here.tar:1", bench.app("1")));
    bench.succeed("pull oci-archive:here.tar:1");
    let name = format!("oci-archive:{}:1", bench.path("here.tar").display());
    let answer = bench.succeed("images --json").json();
    let names: Vec<_> = answer["images"].as_array().expect("a list").iter().collect();
    assert!(names.iter().any(|image| image["name"] == name.as_str()), "{answer}");
    bench.succeed("rmi oci-archive:here.tar:1");
}

#[test]
fn whoever_lists_images_uses_no_layer() {
    let bench = Bench::new();
    bench.pull("1", "");
    let used = || -> Vec<_> {
        let layers = fs::read_dir(bench.path("store/layers")).expect("a folder");
        let layers = layers.map(|layer| layer.expect("an entry").metadata().expect("there"));
        layers.map(|layer| layer.modified().expect("a time")).collect()
    };
    let before = used();
    bench.succeed("images");
    assert_eq!((used(), before.len()), (before, 2));
}

#[test]
fn collection_leaves_what_a_name_needs() {
    let bench = Bench::new();
    bench.pull("1", "");
    bench.succeed(&format!("diff {0}:1 {0}:2 --quiet", bench.registry.address() + "/app"));
    assert_eq!(bench.layers().len(), 3);
    let answer = bench.succeed("store gc --max-size 0 --json").json();
    assert_eq!((&answer["removed_layers"], &answer["named_layers"]), (&1.into(), &2.into()));
    assert_eq!(listed(&bench), [(bench.app("1"), true)]);
    bench.succeed(&format!("rmi {}", bench.app("1")));
    assert_eq!(bench.layers(), [""; 0]);
}

#[test]
fn a_name_is_given_to_what_was_pulled_last() {
    let bench = Bench::new();
    bench.pull("1", "--as app:now");
    bench.pull("2", "--as app:now");
    let answer = bench.succeed("images --json").json();
    assert_eq!(answer["images"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["images"][0]["name"], "docker.io/library/app:now");
    assert_eq!(answer["images"][0]["id"], id(&release_2().build()).as_str());
}

#[test]
fn a_store_with_names_is_refused_by_versions_that_would_collect_their_layers() {
    let bench = Bench::new();
    let format = || fs::read_to_string(bench.path("store/format")).expect("a format");
    bench.succeed("store info");
    assert_eq!(format(), "1\n");
    bench.pull("1", "");
    assert_eq!(format(), "2\n");
    fs::write(bench.path("store/format"), "4\n").expect("written");
    let ran = bench.run("images");
    assert_eq!(ran.code, Some(3));
    assert!(ran.stderr.contains("has the format \"4\"; this version knows formats up to 3"));
}

#[test]
fn a_damaged_record_is_told_keeps_no_other_from_use_and_can_be_taken_away() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    bench.pull("1", "--as app:other");
    let record = names(&bench.path("store/names")).into_iter().find(|name| {
        let text = fs::read_to_string(bench.path("store/names").join(name)).expect("text");
        text.contains("app:other")
    });
    let record = bench.path("store/names").join(record.expect("its record"));
    let text = fs::read_to_string(&record).expect("text");
    for damaged in [
        "",
        "{",
        &text[..text.len() / 2],
        &text.replace("amd64", "arm64"),
        &text.replace("other", "thing"),
    ] {
        fs::write(&record, damaged).expect("written");
        let answer = bench.succeed("images --json").json();
        assert_eq!(answer["images"].as_array().map(Vec::len), Some(1), "{damaged}");
        assert_eq!(answer["troubles"].as_array().map(Vec::len), Some(1), "{damaged}");
    }
    bench.pull("2", "");
    bench.succeed("rmi app:other");
    assert_eq!(listed(&bench).len(), 2);
}

#[test]
fn a_record_that_cannot_be_read_now_keeps_all_layers() {
    let bench = Bench::new();
    bench.pull("1", "--as app:1");
    bench.pull("2", "--as app:2");
    let before = bench.layers();
    let [one, two] = ["app:1", "app:2"].map(|name| {
        let mut names = names(&bench.path("store/names"));
        names.retain(|record| {
            let record = bench.path("store/names").join(record);
            fs::read_to_string(record).expect("text").contains(name)
        });
        bench.path("store/names").join(&names[0])
    });
    // Something else stands there; the record comes back later.
    let aside = bench.path("aside");
    fs::rename(&one, &aside).expect("moved");
    fs::create_dir(&one).expect("made");
    let ran = bench.run("store gc --max-size 0");
    assert_eq!((ran.code, bench.layers()), (Some(3), before.clone()), "{}", ran.stderr);
    let ran = bench.run("rmi app:2");
    assert_eq!((ran.code, bench.layers()), (Some(3), before), "{}", ran.stderr);
    assert!(!two.exists());
    fs::remove_dir(&one).expect("removed");
    fs::rename(&aside, &one).expect("moved");
    assert_eq!(listed(&bench), [("docker.io/library/app:1".to_owned(), true)]);
    bench.succeed("store verify");
}

#[test]
fn what_leaves_the_store_is_what_came_in() {
    for place in ["oci:out:1", "oci-archive:out.tar:1", "docker-archive:out.tar:app:1"] {
        let bench = Bench::new();
        bench.pull("1", "");
        let layer = bench.path("store/layers").join(&bench.layers()[0]);
        let mut bytes = fs::read(&layer).expect("readable");
        bytes[1_000] ^= 1;
        fs::remove_file(&layer).expect("removed");
        fs::write(&layer, bytes).expect("written");
        let ran = bench.run(&format!("pull {} --to {place}", bench.app("1")));
        assert!(matches!(ran.code, Some(3 | 4)), "{place}: {}", ran.stderr);
        assert!(!bench.path("out.tar").exists(), "{place}");
    }
}

#[test]
fn a_base_whose_layer_is_damaged_is_done_without() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    let first = release_1();
    let app = remora::image::Digest::of(&crate::images::tar(&[
        ("app", &crate::images::noise(2, 2_000_000)),
        ("version", b"1"),
    ]));
    assert!(first.config().contains(&app.hex()));
    let layer = bench.path("store/layers").join(app.hex());
    let mut bytes = fs::read(&layer).expect("readable");
    bytes[100_000] ^= 1;
    fs::remove_file(&layer).expect("removed");
    fs::write(&layer, bytes).expect("written");
    let ran = bench.succeed(&format!("pull {} --json", bench.app("2")));
    assert_eq!(ran.json()["way"], "layers");
    assert!(ran.stderr.contains("looking for another way"), "{}", ran.stderr);
    assert_eq!(listed(&bench), [(bench.app("1"), false), (bench.app("2"), true)]);
}
