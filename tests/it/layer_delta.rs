//! The format's page says all: an applier that was written from it alone, in another language, makes what it should.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/remora-delta")
}

fn apply(delta: &Path) -> Output {
    apply_to(delta, &["lower.tar", "upper.tar"])
}

fn apply_to(delta: &Path, base: &[&str]) -> Output {
    let folder = fixtures();
    let mut command = Command::new("python3");
    command.arg(folder.join("apply.py")).arg(delta);
    command.args(base.iter().map(|name| folder.join(name)));
    command.output().expect("python3: apt-get install python3")
}

#[test]
fn an_applier_in_another_language_makes_the_target_of_every_vector() {
    let target = std::fs::read(fixtures().join("target.tar")).expect("a vector");
    for name in ["lzma.delta", "literals.delta", "chunks.delta"] {
        let Output { status, stdout, stderr } = apply(&fixtures().join(name));
        assert!(status.success(), "{name}: {}", String::from_utf8_lossy(&stderr));
        assert!(stdout == target, "{name} makes something else");
    }
}

#[test]
fn members_that_zlib_itself_packs_again_are_those_of_the_target() {
    let target = std::fs::read(fixtures().join("packed-target.tar")).expect("a vector");
    for name in ["members.delta", "members-chunks.delta"] {
        let Output { status, stdout, stderr } =
            apply_to(&fixtures().join(name), &["packed-base.tar"]);
        assert!(status.success(), "{name}: {}", String::from_utf8_lossy(&stderr));
        assert!(stdout == target, "{name} makes something else");
    }
}

#[test]
fn it_refuses_a_damaged_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("delta");
    let whole = std::fs::read(fixtures().join("lzma.delta")).expect("a vector");
    for at in [0, 7, whole.len() / 2, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).expect("a file");
        assert!(!apply(&path).status.success(), "byte {at}");
    }
}
