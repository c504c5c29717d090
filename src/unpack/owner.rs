//! Owners that files can't have, written down as Podman and fuse-overlayfs read them (docs/formats/unpacked.md).

use crate::rootfs::{Attributes, Kind};
use crate::store::FileContent;

/// The extended attribute with owner, mode and type of a file or directory.
pub const OWNER_RECORD: &str = "user.containers.override_stat";

/// The bits that let whoever runs a file become its owner or group.
pub(super) const SET_ID: u16 = 0o6000;

/// Whether records may be made there: only files and directories take attributes of users.
pub(super) fn has_room(kind: &Kind<'_, FileContent<'_>>) -> bool {
    matches!(kind, Kind::File(_) | Kind::Directory(_))
}

/// The record of something with these attributes: owner, group, mode in octal, type.
pub(super) fn record(attributes: Attributes, kind: &Kind<'_, FileContent<'_>>) -> String {
    let Attributes { uid, gid, mode, .. } = attributes;
    let kind = match kind {
        Kind::Directory(_) => "dir".to_owned(),
        Kind::File(_) => "file".to_owned(),
        Kind::Symlink(_) => "symlink".to_owned(),
        Kind::Fifo => "pipe".to_owned(),
        Kind::CharDevice(device) => format!("char-{}-{}", device.major, device.minor),
        Kind::BlockDevice(device) => format!("block-{}-{}", device.major, device.minor),
    };
    format!("{uid}:{gid}:0{mode:o}:{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::{Device, Mtime};

    #[test]
    fn records_are_what_podman_writes() {
        let of = |uid, gid, mode, kind: &Kind<'_, FileContent<'_>>| {
            record(Attributes { mode, uid, gid, mtime: Mtime::default() }, kind)
        };
        assert_eq!(
            of(1000, 1011, 0o644, &Kind::File(FileContent::Bytes(b""))),
            "1000:1011:0644:file"
        );
        let directory = Kind::Directory(Default::default());
        assert_eq!(of(1001, 1012, 0o1755, &directory), "1001:1012:01755:dir");
        let device = Device { major: 8, minor: 0 };
        assert_eq!(of(0, 6, 0o660, &Kind::BlockDevice(device)), "0:6:0660:block-8-0");
        let device = Device { major: 1, minor: 3 };
        assert_eq!(of(0, 0, 0o666, &Kind::CharDevice(device)), "0:0:0666:char-1-3");
        assert_eq!(of(0, 0, 0, &Kind::Fifo), "0:0:00:pipe");
    }
}
