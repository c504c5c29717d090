//! Texts that are compared with a file beside the tests. `REMORA_BLESS=1` writes the files anew:
//! look at what changed before it is committed.

use std::path::Path;

/// Fails unless `text` is what `snapshots/<name>.txt` holds.
pub(super) fn assert_snapshot(name: &str, text: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cli/snapshots");
    let path = folder.join(name).with_extension("txt");
    if std::env::var_os("REMORA_BLESS").is_some() {
        std::fs::write(&path, text).expect("snapshot written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        text == expected,
        "{name} has changed; if it should, run with REMORA_BLESS=1\n--- expected\n{expected}\n--- is\n{text}"
    );
}
