//! Deltas that C librsync made: `fixtures/librsync`.

use std::fs;
use std::path::Path;

use remora::delta::Base;
use remora::librsync::patch;

#[test]
fn librsyncs_own_deltas_decode_and_apply() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/librsync");
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("readable") {
        let path = entry.expect("entry").path();
        if path.extension() != Some("delta".as_ref()) {
            continue;
        }
        let name = path.file_name().expect("name").to_string_lossy().into_owned();
        let number = name.split('-').next().expect("a number");
        let read = |extension: &str| fs::read(folder.join(format!("{number}.{extension}")));
        let (old, new) = (read("old").expect("there"), read("new").expect("there"));
        let delta = fs::read(&path).expect("there");
        let mut made = Vec::new();
        patch(&Base::new(vec![&old]), &delta[..], &mut made, new.len() as u64).expect(&name);
        assert!(made == new, "{name}");
        count += 1;
    }
    assert!(count >= 20, "only {count} deltas in {}", folder.display());
}
