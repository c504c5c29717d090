//! Which entry of an index is meant: by its digest, by the platform it names, or by its config's.

use std::fs;

use remora::ErrorKind;
use remora::image::{self, Digest, Image, ImageError};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::image_places::{layout_of, reference, text, transports, write};
use crate::sample_image::{SampleImage, Style, tar};
use crate::tools::run;

fn sample(architecture: &str) -> SampleImage {
    SampleImage::of_tars(Style::Oci, architecture, vec![tar("arch", architecture.as_bytes())])
}

fn open(place: &str, platform: &str) -> Result<Image, ImageError> {
    transports().open(&reference(place), &platform.parse().expect(platform))
}

/// A layout with both images under names of their own, and its archive.
fn two_images(folder: &TempDir, one: &SampleImage, other: &SampleImage) -> [String; 2] {
    write(&text(folder, "oci", "two:one"), &one.contents).expect("written");
    write(&text(folder, "oci", "two:other"), &other.contents).expect("written");
    let (dir, file) = (folder.path().join("two"), folder.path().join("two.tar"));
    let (dir, file) = (dir.display().to_string(), file.display().to_string());
    run("tar", &["-C", &dir, "-cf", &file, "oci-layout", "index.json", "blobs"]);
    [format!("oci:{dir}"), format!("oci-archive:{file}")]
}

#[test]
fn a_digest_picks_a_manifest_of_a_layout() {
    let folder = tempfile::tempdir().expect("folder");
    let (one, other) = (sample("amd64"), sample("arm64"));
    for place in two_images(&folder, &one, &other) {
        for image in [&one, &other] {
            let by_digest = format!("{place}@{}", image.manifest_digest());
            image.assert_is(&open(&by_digest, "linux/amd64").expect("there"));
        }
        let error = open(&format!("{place}@{}", Digest::of(b"x")), "linux/amd64");
        let error = error.expect_err("nothing has it").to_string();
        let names = format!("there is @{}, @{}", one.manifest_digest(), other.manifest_digest());
        assert!(error.ends_with(&names), "{error}");
    }
}

#[test]
fn a_digest_picks_a_manifest_of_an_index_in_a_layout() {
    let folder = tempfile::tempdir().expect("folder");
    let (amd64, arm64) = (sample("amd64"), sample("arm64"));
    let platform = |architecture: &str| json!({ "os": "linux", "architecture": architecture });
    let images = [(&amd64, platform("amd64")), (&arm64, platform("arm64"))];
    let place = layout_of(&folder, &images);
    let by_digest = format!("{place}@{}", arm64.manifest_digest());
    arm64.assert_is(&open(&by_digest, "linux/amd64").expect("the digest decides"));
    let top = fs::read(folder.path().join("multi/index.json")).expect("there");
    let top: Value = serde_json::from_slice(&top).expect("JSON");
    let index = top["manifests"][0]["digest"].as_str().expect("a digest");
    arm64.assert_is(&open(&format!("{place}@{index}"), "linux/arm64").expect("by platform"));
}

#[test]
fn what_is_named_by_its_digest_is_not_overwritten_under_its_tag() {
    let folder = tempfile::tempdir().expect("folder");
    let (one, other) = (sample("amd64"), sample("arm64"));
    let [layout, _] = two_images(&folder, &one, &other);
    for (tag, image, is_overwritten) in
        [("one", &one, true), ("one", &other, false), ("new", &one, false)]
    {
        let input = reference(&format!("{layout}@{}", image.manifest_digest()));
        let output = reference(&format!("{layout}:{tag}"));
        assert_eq!(image::overwrites(&output, &input), is_overwritten, "{tag}");
    }
}

#[test]
fn entries_that_name_no_platform_are_for_that_of_their_config() {
    let folder = tempfile::tempdir().expect("folder");
    let (amd64, arm64) = (sample("amd64"), sample("arm64"));
    let place = layout_of(&folder, &[(&amd64, Value::Null), (&arm64, Value::Null)]);
    amd64.assert_is(&open(&place, "linux/amd64").expect("there"));
    arm64.assert_is(&open(&place, "linux/arm64").expect("there"));
    let error = open(&place, "linux/s390x").expect_err("not there");
    let expected = "has no image for linux/s390x; it has linux/amd64, linux/arm64";
    assert!(error.to_string().ends_with(expected), "{error}");

    // What says so comes first, and what is no image is passed over.
    let named = json!({ "os": "linux", "architecture": "arm64" });
    let place = layout_of(&folder, &[(&arm64, named), (&amd64, Value::Null)]);
    arm64.assert_is(&open(&place, "linux/arm64").expect("there"));
    amd64.assert_is(&open(&place, "linux/amd64").expect("there"));
}

#[test]
fn a_name_that_several_entries_have_is_one_image_if_their_configs_differ_in_platform() {
    let folder = tempfile::tempdir().expect("folder");
    let (amd64, arm64, twin) = (sample("amd64"), sample("arm64"), sample("amd64"));
    let twin =
        SampleImage::of_tars(Style::Oci, "amd64", [twin.tars, vec![tar("x", b"x")]].concat());
    for (second, is_one) in [(&arm64, true), (&twin, false)] {
        let [layout, _] = two_images(&folder, &amd64, second);
        let index = folder.path().join("two/index.json");
        let same = fs::read_to_string(&index).expect("there").replace("\"other\"", "\"one\"");
        fs::write(&index, same).expect("written");
        let opened = open(&format!("{layout}:one"), "linux/arm64");
        match is_one {
            true => second.assert_is(&opened.expect("one image")),
            false => {
                let error = opened.expect_err("which?");
                assert_eq!(error.kind(), ErrorKind::Usage);
                // The name is the same of both.
                let told = error.to_string();
                assert!(told.contains(&format!("@{}", second.manifest_digest())), "{told}");
            }
        }
        fs::remove_dir_all(folder.path().join("two")).expect("removed");
    }
}

#[test]
fn images_without_names_are_told_by_their_digests() {
    let folder = tempfile::tempdir().expect("folder");
    let one = sample("amd64");
    let other = SampleImage::new(Style::Oci, "x");
    let [layout, _] = two_images(&folder, &one, &other);
    let index = folder.path().join("two/index.json");
    let mut top: Value = serde_json::from_slice(&fs::read(&index).expect("there")).expect("JSON");
    for entry in top["manifests"].as_array_mut().expect("an array") {
        entry.as_object_mut().expect("an object").remove("annotations");
    }
    fs::write(&index, top.to_string()).expect("written");
    let error = open(&layout, "linux/amd64").expect_err("which?");
    assert!(error.to_string().contains(&format!("@{}", one.manifest_digest())), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("PATH@DIGEST")));
}

#[test]
fn an_image_without_a_name_beside_others_is_listed_and_given_by_its_digest() {
    let folder = tempfile::tempdir().expect("folder");
    let (one, other) = (sample("amd64"), SampleImage::new(Style::Oci, "x"));
    let [layout, _] = two_images(&folder, &one, &other);
    let index = folder.path().join("two/index.json");
    let mut top: Value = serde_json::from_slice(&fs::read(&index).expect("there")).expect("JSON");
    let entries = top["manifests"].as_array_mut().expect("an array");
    let named = |entry: &Value| entry["annotations"].to_string().contains("\"other\"");
    let entry = entries.iter_mut().find(|entry| named(entry)).expect("there");
    entry.as_object_mut().expect("an object").remove("annotations");
    fs::write(&index, top.to_string()).expect("written");
    let file = folder.path().join("mixed.tar").display().to_string();
    let dir = layout.trim_start_matches("oci:");
    run("tar", &["-C", dir, "-cf", &file, "oci-layout", "index.json", "blobs"]);

    let digest = other.manifest_digest();
    for place in [layout.clone(), format!("oci-archive:{file}")] {
        other.assert_is(&open(&format!("{place}@{digest}"), "linux/amd64").expect("there"));
        for wrong in [place.clone(), format!("{place}:none")] {
            let error = open(&wrong, "linux/amd64").expect_err("which?");
            let told = error.to_string();
            assert!(told.contains(&format!("one, @{digest}")), "{told}");
            let hint = error.hint().expect("a hint");
            assert!(hint.ends_with("PATH:NAME or PATH@DIGEST"), "{hint}");
        }
    }
}
