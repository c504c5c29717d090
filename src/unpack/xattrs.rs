//! Extended attributes: which ones an image may set, and where those stay that this system does not take.

use std::io;

use super::counts::Counts;
use super::options::Owners;
use super::owner::OWNER_RECORD;
use crate::beneath::Target;
use crate::rootfs::Xattr;

/// In front of the name of an attribute that could not be set itself, such as a file capability.
pub const XATTR_RECORD_PREFIX: &str = "user.remora.xattr.";

/// Attributes that mean something to the machine they are on and not to an image. An overlay file system that gets the
/// folder as a layer would obey its marks, which may name any path; SELinux labels and NFS ACLs are a
/// host's, as umoci sees it; records of owners are for whoever unpacks to make.
const OF_HOSTS: [&[u8]; 7] = [
    b"trusted.overlay.",
    b"user.overlay.",
    b"user.fuseoverlayfs.",
    b"user.containers.override_",
    b"user.remora.",
    b"security.selinux",
    b"system.nfs4_acl",
];

/// Attributes that mean the same whoever owns a file, and in every namespace of users: the others name users or give
/// rights.
const OF_USERS: &[u8] = b"user.";

/// Sets extended attributes on something new; if owners are recorded, those that name users or give rights are recorded
/// too. `has_room` says whether records may be made there: only files and
/// directories take attributes of users.
pub(super) fn set_xattrs(
    target: Target<'_>,
    xattrs: &[Xattr<'_>],
    owners: Owners,
    has_room: bool,
    counts: &mut Counts,
) -> io::Result<()> {
    for &(name, value) in xattrs {
        if is_of_host(name) {
            counts.left_out.host_xattrs += 1;
            continue;
        }
        if owners == Owners::Set || name.starts_with(OF_USERS) {
            let Err(error) = target.set_xattr(name, value) else { continue };
            if is_fatal(&error) {
                return Err(error);
            }
        }
        let record = [XATTR_RECORD_PREFIX.as_bytes(), name].concat();
        match has_room && target.set_xattr(&record, value).is_ok() {
            true => counts.recorded.xattrs += 1,
            false => counts.left_out.xattrs += 1,
        }
    }
    Ok(())
}

/// Whether an attribute is none that an image may set.
pub(super) fn is_of_host(name: &[u8]) -> bool {
    OF_HOSTS.iter().any(|of_host| name.starts_with(of_host))
}

/// Writes down whose something new should be. Returns whether there is room for that: the first attribute is not too
/// long for any file system, so that only a full disk says so.
pub(super) fn set_owner_record(target: Target<'_>, record: &str) -> io::Result<bool> {
    match target.set_xattr(OWNER_RECORD.as_bytes(), record.as_bytes()) {
        Err(error) if is_fatal(&error) || error.kind() == io::ErrorKind::StorageFull => Err(error),
        set => Ok(set.is_ok()),
    }
}

/// Whether an error is the disk's. Others say that the system, the file system or the user may not have the attribute, or
/// that it is too long.
fn is_fatal(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(Errno::from_io_error(error), Some(Errno::IO | Errno::ROFS | Errno::DQUOT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_records_are_for_nobody_else_to_make() {
        for own in [OWNER_RECORD, &format!("{XATTR_RECORD_PREFIX}x"), "trusted.overlay.redirect"] {
            assert!(is_of_host(own.as_bytes()), "{own}");
        }
    }
}
