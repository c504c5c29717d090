//! Where a pulled image goes on to.

use std::fs::File;

use super::{Bench, id, release_2};
use crate::images::{layer_tar, linux, parse};
use crate::tools::skopeo;

#[test]
fn the_image_is_written_wherever_it_is_wanted() {
    let bench = Bench::with_delta();
    bench.pull("1", "");
    let registry = bench.registry.address();
    let to = format!(
        "--to oci:layout:2 --to oci-archive:image.tar:2 --to docker-archive:docker.tar:app:2 --to {registry}/copy:2"
    );
    let (answer, _) = bench.pull("2", &to);
    assert_eq!(answer["places"].as_array().map(Vec::len), Some(4));
    let (transports, _settings) = crate::registry_client::client(1, &serde_json::json!({}));
    let at = |name: &str| bench.path(name).display().to_string();
    for place in [
        format!("oci:{}:2", at("layout")),
        format!("oci-archive:{}:2", at("image.tar")),
        format!("docker-archive:{}", at("docker.tar")),
        format!("{registry}/copy:2"),
    ] {
        let image = transports.open(&parse(&place), &linux()).expect(&place);
        assert_eq!(image.id().to_string(), id(&release_2().build()), "{place}");
        let diff_ids = image.diff_ids().expect("layers").to_vec();
        for (layer, diff_id) in diff_ids.iter().enumerate() {
            let digest = remora::image::Digest::of(&layer_tar(&image, layer));
            assert_eq!(digest, diff_id.0, "{place}");
        }
    }
    skopeo(&["inspect", "--raw", &format!("oci:{}:2", at("layout"))]);
}

#[test]
fn an_engine_reads_it_from_a_pipe() {
    let bench = Bench::new();
    let mut command =
        bench.command(&format!("pull {} --to docker-archive:-:app:2", bench.app("2")));
    command.stdout(File::create(bench.path("piped.tar")).expect("a file"));
    let output = command.output().expect("remora runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    assert!(told.contains("written: docker-archive:-:app:2"), "{told}");
    let place = format!("docker-archive:{}", bench.path("piped.tar").display());
    skopeo(&["inspect", &place]);

    let ran = bench
        .run(&format!("pull {} --to docker-archive:-:a:1 --to oci-archive:-:b", bench.app("2")));
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("cannot carry two images"), "{}", ran.stderr);
}

#[test]
fn nothing_is_pulled_for_a_place_that_cannot_take_it() {
    let bench = Bench::new();
    std::fs::write(bench.path("file"), "mine").expect("written");
    for place in ["oci:file:2", "oci-archive:file:2", "oci:store/images:2"] {
        let ran = bench.run(&format!("pull {} --to {place}", bench.app("2")));
        assert!(matches!(ran.code, Some(2..=4)), "{place}: {}", ran.stderr);
    }
    assert_eq!(bench.layers(), [""; 0]);
    assert_eq!(std::fs::read(bench.path("file")).expect("there"), b"mine");
}
