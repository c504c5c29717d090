//! The user that an image names, looked up in the image's own files as runtimes look it up.

use crate::accounts::{groups, number, users};
use crate::quote::quoted;
use crate::unpack::FileTree;

/// Bytes of the image's files of users and groups that are read, at most.
const MAX_ACCOUNT_BYTES: u64 = 16 << 20;
/// How many groups a process may be in (`NGROUPS_MAX`).
const MAX_GROUPS: usize = 65_536;

/// Whom a container's first process runs as: numbers inside the container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct User {
    /// The user.
    pub(super) uid: u32,
    /// The group.
    pub(super) gid: u32,
    /// More groups, in order, each once.
    pub(super) groups: Vec<u32>,
}

/// Returns whom `text` names: `user`, `user:group`, both names or numbers; root if it is empty. A user without
/// a group has the group that the image's passwd says, and the groups that name it as a member.
///
/// # Errors
/// If a name is not in the image's files: one line that says which.
pub(super) fn find_user(tree: &FileTree<'_>, text: &str) -> Result<User, String> {
    let (passwd, group) = (file(tree, b"etc/passwd")?, file(tree, b"etc/group")?);
    find(&passwd, &group, text)
}

fn find(passwd: &[u8], group: &[u8], text: &str) -> Result<User, String> {
    let (name, group_name) = text.split_once(':').unwrap_or((text, ""));
    let name = if name.is_empty() { "0" } else { name };
    let wanted = number(name.as_bytes());
    let found = users(passwd).find(|user| match wanted {
        Some(uid) => user.uid == uid,
        None => user.name == name.as_bytes(),
    });
    let uid = found.map(|user| user.uid).or(wanted);
    let uid = uid.ok_or_else(|| format!("there is no user {} in the image", quoted(name)))?;
    if !group_name.is_empty() {
        return Ok(User { uid, gid: find_group(group, group_name)?, groups: Vec::new() });
    }
    let gid = found.map_or(0, |user| user.gid);
    let member = found.map(|user| user.name).unwrap_or_default();
    let more = groups(group).filter(|group| group.has(member)).map(|group| group.gid);
    Ok(User { uid, gid, groups: distinct(more) })
}

fn find_group(group: &[u8], name: &str) -> Result<u32, String> {
    let named = || groups(group).find(|group| group.name == name.as_bytes());
    let gid = number(name.as_bytes()).or_else(|| named().map(|group| group.gid));
    gid.ok_or_else(|| format!("there is no group {} in the image", quoted(name)))
}

fn distinct(numbers: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut seen = std::collections::BTreeSet::new();
    numbers.filter(|&number| seen.insert(number)).take(MAX_GROUPS).collect()
}

/// The content of a file, if that is a plain one and not too large; links inside the image are followed.
fn file(tree: &FileTree<'_>, path: &[u8]) -> Result<Vec<u8>, String> {
    let inode = tree.follow(path).map(|id| tree.inode(id));
    let plain = inode.filter(|inode| inode.holes().is_none());
    let content = plain.and_then(|inode| inode.content());
    let mut bytes = Vec::new();
    if let Some(content) = content.filter(|content| content.len() <= MAX_ACCOUNT_BYTES) {
        let read = content.copy(0..content.len(), &mut bytes);
        read.map_err(|error| format!("cannot read its {}: {error}", path.escape_ascii()))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:100::/home/app:/bin/sh\n";
    const GROUP: &[u8] =
        b"root:x:0:\nusers:x:100:\nvideo:x:44:app,root\naudio:x:29:app\nalso:x:44:app\n";

    #[test]
    fn users_are_found_as_runtimes_find_them() {
        for (text, uid, gid, groups) in [
            ("", 0, 0, &[44][..]),
            ("root", 0, 0, &[44]),
            ("app", 1000, 100, &[44, 29]),
            ("1000", 1000, 100, &[44, 29]),
            ("app:audio", 1000, 29, &[]),
            ("app:7", 1000, 7, &[]),
            ("65534", 65534, 0, &[]),
            ("65534:users", 65534, 100, &[]),
            (":audio", 0, 29, &[]),
            ("app:", 1000, 100, &[44, 29]),
        ] {
            let user = User { uid, gid, groups: groups.to_vec() };
            assert_eq!(find(PASSWD, GROUP, text), Ok(user), "{text}");
        }
        for text in ["nobody", "app:nogroup", "4294967295", "-1", "99999999999"] {
            find(PASSWD, GROUP, text).expect_err(text);
        }
        find(b"", b"", "app").expect_err("no files");
        assert_eq!(find(b"", b"", "5:6").map(|user| (user.uid, user.gid)), Ok((5, 6)));
    }
}
