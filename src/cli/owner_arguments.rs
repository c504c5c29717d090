//! What becomes of owners: the option of every command that makes an image's files.

use clap::{Args, ValueEnum};
use remora::Cause;
use remora::unpack::{Owners, UnpackOptions};
use remora::user_namespace::{self, NoNamespace};

use super::access::AccessArguments;
use super::failure::Failure;
use super::session::Session;

/// Whose the files are.
#[derive(Debug, Args)]
pub(super) struct OwnerArguments {
    /// Whose the files are: as the image says, with subordinate users (subuid(5)) if an ordinary user runs this; or the
    /// caller's, with owners recorded in an extended attribute that Podman and fuse-overlayfs read
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    owners: Choice,
    /// Why there is no user namespace, if one was asked for.
    #[arg(skip)]
    no_namespace: Option<NoNamespace>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Choice {
    /// Set if that can be done, otherwise recorded
    #[default]
    Auto,
    /// Set
    Set,
    /// Recorded
    Record,
}

impl OwnerArguments {
    /// Has this process become root in a user namespace if an ordinary user is to set owners.
    pub(super) fn enter_namespace(&mut self, access: &AccessArguments) {
        match self.owners {
            _ if rustix::process::geteuid().is_root() => {}
            Choice::Record => access.enter_namespace_for_files(),
            _ => self.no_namespace = user_namespace::enter().err(),
        }
    }

    /// Returns how to unpack, and says if owners can't be set.
    pub(super) fn options(&self, session: &Session) -> Result<UnpackOptions, Failure> {
        self.owners(session).map(UnpackOptions::new)
    }

    /// Returns what becomes of owners, and says if they can't be set.
    pub(super) fn owners(&self, session: &Session) -> Result<Owners, Failure> {
        let possible = UnpackOptions::default().owners;
        match (self.owners, possible) {
            (Choice::Record, _) => Ok(Owners::Recorded),
            (Choice::Set, Owners::Recorded) => Err(Failure::new(
                Cause::Permission,
                format!("owners cannot be set{}", self.reason()),
                "have root give this user ranges in /etc/subuid and /etc/subgid (usermod --add-subuids) and \
                 install newuidmap, or leave --owners out",
            )),
            (Choice::Auto, Owners::Recorded) => {
                session.progress().note(&format!(
                    "owners are recorded in the attribute user.containers.override_stat{}",
                    self.reason()
                ));
                Ok(possible)
            }
            _ => Ok(possible),
        }
    }

    fn reason(&self) -> String {
        self.no_namespace.as_ref().map_or_else(String::new, |reason| format!(": {reason}"))
    }
}
