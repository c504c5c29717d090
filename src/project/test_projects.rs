//! Projects for tests.

use crate::project::plan::Circumstances;
use crate::tar::{NewEntry, NewKind, TreeWriter};

/// The tar of a project with these files.
pub(super) fn project(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = TreeWriter::new(Vec::new());
    for (name, content) in files {
        let kind = NewKind::File(content.len() as u64);
        let entry = NewEntry { name: name.as_bytes(), kind, mode: 0o644, mtime: 1 };
        writer.write(&entry, content.as_bytes()).expect("vec");
    }
    writer.finish().expect("vec")
}

/// A fleet of Raspberry Pis.
pub(super) fn circumstances() -> Circumstances {
    Circumstances {
        architecture: "aarch64".to_owned(),
        device_type: "raspberrypi4-64".to_owned(),
        fleet_name: "thermostats".to_owned(),
        commit: "0123456789abcdef0123456789abcdef".to_owned(),
        dockerfile_path: None,
        multicontainer: true,
    }
}
