//! The room of user namespaces: an ordinary user as root over a range of users of its own, as Podman and Buildah run.
//!
//! The process enters a namespace itself, before it has threads. A helper that it has started before writes down which
//! users there are, by newuidmap(1) and newgidmap(1), since only from outside that is allowed. Pure parsing of
//! /etc/subuid is in `subordinate`. What the users are for lives elsewhere.

mod enter;
mod subordinate;

use std::fs;

pub(crate) use enter::has_entered;
pub use enter::{NoNamespace, enter};
pub use subordinate::{IdRange, ranges};

/// A range of users or groups of a namespace, and what they are outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdMapping {
    /// The first number inside.
    pub inside: u32,
    /// The same one's number outside.
    pub outside: u32,
    /// How many there are.
    pub count: u32,
}

/// Returns the users of this process's namespace, as its parent namespace knows them.
pub(crate) fn user_mappings() -> Vec<IdMapping> {
    mappings("/proc/self/uid_map")
}

/// Returns the groups of this process's namespace, as its parent namespace knows them.
pub(crate) fn group_mappings() -> Vec<IdMapping> {
    mappings("/proc/self/gid_map")
}

/// Returns whether this process is in a user namespace that has other numbers than the machine.
pub(crate) fn is_mapped() -> bool {
    let mappings = user_mappings();
    !mappings.is_empty() && mappings != [IdMapping { inside: 0, outside: 0, count: u32::MAX }]
}

/// Returns this process's user and group as whoever started it knows them.
pub(crate) fn outer_ids() -> (u32, u32) {
    let first = |ranges: Vec<IdMapping>| ranges.first().map_or(0, |range| range.outside);
    match has_entered() {
        true => (first(user_mappings()), first(group_mappings())),
        false => (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
    }
}

/// Returns whether this process is the machine's root, for whom no other user may choose files. Ordinary users choose for
/// themselves, also as root of a namespace.
pub(crate) fn is_machine_root() -> bool {
    rustix::process::geteuid().is_root() && !is_mapped()
}

/// Returns whether this process may give files to several users.
pub(crate) fn may_set_owners() -> bool {
    rustix::process::geteuid().is_root() && user_mappings().iter().any(|range| range.count > 1)
}

fn mappings(path: &str) -> Vec<IdMapping> {
    fs::read_to_string(path).map_or_else(|_| Vec::new(), |text| parse_mappings(&text))
}

/// Reads lines of three numbers (user_namespaces(7)).
fn parse_mappings(text: &str) -> Vec<IdMapping> {
    let line = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let mut next = || numbers.next()?.ok();
        Some(IdMapping { inside: next()?, outside: next()?, count: next()? })
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_three_numbers_a_line() {
        let text = "         0       1000          1\n         1     100000      65536\n";
        let mapping = |inside, outside, count| IdMapping { inside, outside, count };
        assert_eq!(parse_mappings(text), [mapping(0, 1000, 1), mapping(1, 100_000, 65536)]);
    }
}
