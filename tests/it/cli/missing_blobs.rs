//! Layouts and archives that lack a blob: told by the blob's digest and by where it is missing, with what helps.

use std::fs;

use super::sandbox::Sandbox;
use crate::tools::run;

/// Copies the fixture's layout to `cut`, and takes blob number `nth` by size away; returns its digest.
fn without_blob(sandbox: &Sandbox, nth: usize) -> String {
    let (from, dir) = (sandbox.path("thermostat"), sandbox.path("cut"));
    run("cp", &["-rL", &from.display().to_string(), &dir.display().to_string()]);
    let mut blobs = sandbox.tree("cut/blobs/sha256");
    blobs.sort_by_key(|path| fs::metadata(path).expect("there").len());
    let lost = blobs.swap_remove(nth);
    fs::remove_file(&lost).expect("removed");
    format!("sha256:{}", lost.file_name().expect("a name").to_string_lossy())
}

#[test]
fn a_blob_that_a_layout_or_archive_lacks_is_named_with_the_place_and_a_remedy() {
    let sandbox = Sandbox::new();
    let count = sandbox.tree("thermostat/blobs/sha256").len();
    for nth in 0..count {
        let sandbox = Sandbox::new();
        let digest = without_blob(&sandbox, nth);
        let cut = sandbox.path("cut").display().to_string();
        let archive = sandbox.path("cut.tar").display().to_string();
        run("tar", &["-C", &cut, "-cf", &archive, "blobs", "index.json", "oci-layout"]);
        for place in ["oci:cut", "oci-archive:cut.tar"] {
            let line = format!("create {place}:1.0 {place}:1.1 --output oci:delta --json");
            let ran = sandbox.run(&line);
            assert_eq!(ran.json()["error"]["code"], "blob_not_found", "{}", ran.stderr);
            let lacks = format!("lacks the blob {digest}");
            for words in [place, &lacks, "copy the image there again"] {
                assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
            }
        }
    }
}

#[test]
fn a_file_or_a_name_without_a_transport_is_told_how_to_write_it() {
    let sandbox = Sandbox::new();
    let create = "create oci:thermostat:1.0 oci:thermostat:1.1 --output";
    for (output, hint) in [
        ("./delta", "write oci-archive:./delta"),
        ("/tmp/delta", "write oci-archive:/tmp/delta"),
        ("delta.tar", "write oci-archive:delta.tar"),
        ("delta", "a file is written as oci-archive:delta"),
    ] {
        let ran = sandbox.run(&format!("{create} {output}"));
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{hint}: {}", ran.stderr);
    }
}
