//! What is to blame for a failure. The ground: every room's errors say theirs, so that nobody has to
//! know how errors nest.

use std::io;

use rustix::io::Errno;

use crate::ErrorKind;
use crate::progress::Cancelled;

/// The cause of a failure: decides the exit code, whether trying again can help, and what a server does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The caller asked for something that makes no sense.
    Usage,
    /// An image is not where it was looked for.
    Missing,
    /// A blob that a manifest names is not there.
    MissingBlob,
    /// A file or folder is not there.
    NoFile,
    /// Something else stands where a file, a folder or a store belongs.
    Obstacle,
    /// Another process has what is needed.
    InUse,
    /// A registry or server wants other credentials, or any.
    Unauthorized,
    /// A registry or server knows who asks, and does not let them.
    Denied,
    /// A file with credentials, or a helper that has them, cannot be used.
    Credentials,
    /// No answer from a registry or server.
    Unreachable,
    /// A registry or server wants to be left alone for a time.
    RateLimited,
    /// No trust in the other side's certificate, or the other side speaks plain HTTP.
    Tls,
    /// A registry or server has trouble of its own that passes.
    Passing,
    /// The work takes longer than the caller wants to wait.
    Timeout,
    /// A registry or server answers that it does not do this.
    Refused,
    /// A registry's answer makes no sense.
    Protocol,
    /// The disk, or a quota on it, is full.
    DiskFull,
    /// The system does not let this user do it.
    Permission,
    /// The disk or another device failed.
    Disk,
    /// The system gives no more memory, threads or open files.
    Resources,
    /// A stored layer was damaged. The layer has been dropped, and is fetched when next needed.
    DamagedLayer,
    /// A blob is not what its digest says.
    DamagedBlob,
    /// The content is corrupt, refused, or not what it was said to be.
    Content,
    /// A policy does not accept the image: no signature by the right key, or a rule against it.
    Untrusted,
    /// The content takes more than the limits allow.
    TooLarge,
    /// The caller told the work to stop.
    Cancelled,
    /// A defect in Remora itself.
    Defect,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 27] = [
        Cause::Usage,
        Cause::Missing,
        Cause::MissingBlob,
        Cause::NoFile,
        Cause::Obstacle,
        Cause::InUse,
        Cause::Unauthorized,
        Cause::Denied,
        Cause::Credentials,
        Cause::Unreachable,
        Cause::RateLimited,
        Cause::Tls,
        Cause::Passing,
        Cause::Timeout,
        Cause::Refused,
        Cause::Protocol,
        Cause::DiskFull,
        Cause::Permission,
        Cause::Disk,
        Cause::Resources,
        Cause::DamagedLayer,
        Cause::DamagedBlob,
        Cause::Content,
        Cause::Untrusted,
        Cause::TooLarge,
        Cause::Cancelled,
        Cause::Defect,
    ];

    /// Returns the name that programs see, for instance in JSON. The name never changes.
    pub fn code(self) -> &'static str {
        match self {
            Cause::Usage => "usage",
            Cause::Missing => "not_found",
            Cause::MissingBlob => "blob_not_found",
            Cause::NoFile => "file_not_found",
            Cause::Obstacle => "obstacle",
            Cause::InUse => "in_use",
            Cause::Unauthorized => "unauthorized",
            Cause::Denied => "denied",
            Cause::Credentials => "credentials",
            Cause::Unreachable => "unreachable",
            Cause::RateLimited => "rate_limited",
            Cause::Tls => "tls",
            Cause::Passing => "unavailable",
            Cause::Timeout => "timeout",
            Cause::Refused => "refused",
            Cause::Protocol => "protocol",
            Cause::DiskFull => "disk_full",
            Cause::Permission => "permission",
            Cause::Disk => "disk",
            Cause::Resources => "resources",
            Cause::DamagedLayer => "layer_damaged",
            Cause::DamagedBlob => "blob_damaged",
            Cause::Content => "content",
            Cause::Untrusted => "untrusted",
            Cause::TooLarge => "too_large",
            Cause::Cancelled => "cancelled",
            Cause::Defect => "defect",
        }
    }

    /// The kind of failure that this is.
    pub fn kind(self) -> ErrorKind {
        match self {
            Cause::Usage => ErrorKind::Usage,
            Cause::DamagedBlob | Cause::Content | Cause::Untrusted | Cause::TooLarge => {
                ErrorKind::Content
            }
            Cause::Cancelled => ErrorKind::Cancelled,
            Cause::Defect => ErrorKind::Internal,
            _ => ErrorKind::Environment,
        }
    }

    /// Whether the same may succeed a while later though nobody has changed anything.
    pub fn may_pass(self) -> bool {
        matches!(
            self,
            Cause::InUse
                | Cause::Unreachable
                | Cause::RateLimited
                | Cause::Passing
                | Cause::Timeout
                | Cause::DamagedLayer
        )
    }

    /// Whether content, or the place that it came from, is to blame and not this machine or its caller: other content, or
    /// the same from another place, may do.
    pub fn is_of_content_or_place(self) -> bool {
        self.kind() == ErrorKind::Content
            || matches!(
                self,
                Cause::Missing
                    | Cause::MissingBlob
                    | Cause::Unauthorized
                    | Cause::Denied
                    | Cause::Refused
                    | Cause::Protocol
                    | Cause::Passing
                    | Cause::RateLimited
                    | Cause::Unreachable
                    | Cause::Tls
            )
    }

    /// Returns the cause of an error of the system.
    pub fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as Io;
        if error.get_ref().is_some_and(|inner| inner.is::<Cancelled>()) {
            return Cause::Cancelled;
        }
        if let Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN) =
            Errno::from_io_error(error)
        {
            return Cause::Resources;
        }
        match error.kind() {
            Io::NotFound => Cause::NoFile,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => Cause::Permission,
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => Cause::DiskFull,
            Io::IsADirectory | Io::NotADirectory | Io::AlreadyExists | Io::DirectoryNotEmpty => {
                Cause::Obstacle
            }
            Io::AddrInUse | Io::ResourceBusy => Cause::InUse,
            Io::OutOfMemory => Cause::Resources,
            _ => Cause::Disk,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_cause_has_a_code_of_its_own() {
        let codes: HashSet<_> = Cause::ALL.iter().map(|cause| cause.code()).collect();
        assert_eq!(codes.len(), Cause::ALL.len());
    }

    #[test]
    fn what_the_surroundings_do_is_all_that_passes() {
        for cause in Cause::ALL {
            assert!(!cause.may_pass() || cause.kind() == ErrorKind::Environment, "{cause:?}");
        }
    }

    #[test]
    fn neither_this_machine_nor_its_caller_is_a_place_that_content_comes_from() {
        for cause in [Cause::DiskFull, Cause::Disk, Cause::Cancelled, Cause::Usage, Cause::Defect] {
            assert!(!cause.is_of_content_or_place(), "{cause:?}");
        }
        assert!(Cause::DamagedBlob.is_of_content_or_place());
    }

    #[test]
    fn errors_of_the_system_say_what_is_the_matter() {
        for (errno, cause) in [
            (Errno::NOSPC, Cause::DiskFull),
            (Errno::DQUOT, Cause::DiskFull),
            (Errno::FBIG, Cause::DiskFull),
            (Errno::ACCESS, Cause::Permission),
            (Errno::PERM, Cause::Permission),
            (Errno::ROFS, Cause::Permission),
            (Errno::NOENT, Cause::NoFile),
            (Errno::ISDIR, Cause::Obstacle),
            (Errno::NOTEMPTY, Cause::Obstacle),
            (Errno::MFILE, Cause::Resources),
            (Errno::NOMEM, Cause::Resources),
            (Errno::IO, Cause::Disk),
        ] {
            assert_eq!(Cause::of_io(&errno.into()), cause, "{errno}");
        }
    }
}
