//! What there is around a container.

use serde::Serialize;

use super::user::User;
use crate::user_namespace::IdMapping;

/// How a container is kept apart from the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Isolation {
    /// Root starts it, and root inside is root outside.
    Root,
    /// Whoever made the bundle starts it, and is root inside.
    UserNamespace,
}

/// What there is around the container.
#[derive(Debug, Clone)]
pub(super) struct Surroundings {
    pub(super) isolation: Isolation,
    /// The users and groups of its namespace, if it has one.
    pub(super) users: Vec<IdMapping>,
    pub(super) groups: Vec<IdMapping>,
    /// Whether the machine has a file that says who resolves names.
    pub(super) has_resolver: bool,
}

impl Surroundings {
    /// Whether the container's root is the machine's.
    pub(super) fn is_root(&self) -> bool {
        self.isolation == Isolation::Root
    }

    /// Returns `user` as far as the container has it: root if its namespace lacks the user,
    /// and without more groups in any namespace.
    pub(super) fn possible(&self, user: &User) -> User {
        if self.isolation == Isolation::Root {
            return user.clone();
        }
        let has = |ranges: &[IdMapping], number: u32| {
            ranges.iter().any(|it| number >= it.inside && number - it.inside < it.count)
        };
        if !has(&self.users, user.uid) || !has(&self.groups, user.gid) {
            return User::default();
        }
        // runc sets no more groups for a caller who is not root, whatever the namespace has.
        User { uid: user.uid, gid: user.gid, groups: Vec::new() }
    }
}
