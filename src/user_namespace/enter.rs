//! The way into a user namespace.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sched::{CloneFlags, unshare};

use super::subordinate::{IdRange, mapping_arguments, ranges};
use crate::accounts::users;
use crate::small_file::read_small_file;

/// Bytes of a file of the system that are read at most: users, and ranges of users.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// The programs that write down which users a namespace has.
const MAPPERS: [&str; 2] = ["newuidmap", "newgidmap"];
/// What the helper runs: it waits for a line, and then tells the system which users and groups the process `$1` has.
const HELPER: &str = "read -r go && newuidmap \"$1\" $2 && newgidmap \"$1\" $3";
/// Bytes of what the helper complains of that are kept.
const MAX_COMPLAINT: u64 = 500;

/// Whether this process has left the namespace that it was started in.
static ENTERED: AtomicBool = AtomicBool::new(false);

/// Returns whether this process is in a namespace of its own making: whoever started it knows other numbers.
pub(crate) fn has_entered() -> bool {
    ENTERED.load(Ordering::Relaxed)
}

/// Why there is no user namespace with several users.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoNamespace {
    /// No users are set aside for the user.
    #[error("{0} has no range for this user")]
    NoRange(&'static str),
    /// A program is missing that only root may run otherwise.
    #[error("{0} is not installed")]
    NoMapper(&'static str),
    /// The system does not let the user have a namespace.
    #[error("the system gives this user no namespace: {0}")]
    Refused(io::Error),
    /// The users could not be written down. The process is in a namespace all the same, which has only the user itself.
    #[error("the users of the namespace cannot be set: {0}")]
    NotMapped(String),
}

/// Makes this process root in a user namespace of its own, over the user itself and the ranges that /etc/subuid and
/// /etc/subgid give it. The process must have one thread only. Files of the user are root's then, and may be
/// given to the others.
///
/// # Errors
/// If there is no such namespace. The process can go on as it is.
pub fn enter() -> Result<(), NoNamespace> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let uids = own_ranges("/etc/subuid", uid).ok_or(NoNamespace::NoRange("/etc/subuid"))?;
    let gids = own_ranges("/etc/subgid", uid).ok_or(NoNamespace::NoRange("/etc/subgid"))?;
    if let Some(missing) = MAPPERS.into_iter().find(|program| !is_installed(program)) {
        return Err(NoNamespace::NoMapper(missing));
    }
    let users = mapping_arguments(uid, &uids);
    let groups = mapping_arguments(gid, &gids);
    let helper = start_helper(&users, &groups).map_err(NoNamespace::Refused)?;
    if let Err(error) = unshare(CloneFlags::CLONE_NEWUSER) {
        // The helper ends when nothing comes.
        let _ = finish(helper, b"");
        return Err(NoNamespace::Refused(error.into()));
    }
    ENTERED.store(true, Ordering::Relaxed);
    finish(helper, b"go\n").map_err(|complaint| {
        map_only(uid, gid);
        NoNamespace::NotMapped(complaint)
    })
}

fn own_ranges(path: &str, uid: u32) -> Option<Vec<IdRange>> {
    let read = |path: &str| read_small_file(Path::new(path), MAX_FILE_BYTES).ok();
    let passwd = read("/etc/passwd").unwrap_or_default();
    let name = users(&passwd).find(|user| user.uid == uid).map(|user| user.name);
    let ranges = ranges(&read(path)?, name, uid);
    (!ranges.is_empty()).then_some(ranges)
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = path.as_bytes().split(|&byte| byte == b':');
    folders
        .filter(|folder| !folder.is_empty())
        .any(|folder| Path::new(std::ffi::OsStr::from_bytes(folder)).join(program).is_file())
}

fn start_helper(users: &str, groups: &str) -> io::Result<Child> {
    let own = std::process::id().to_string();
    let mut helper = Command::new("/bin/sh");
    helper.args(["-c", HELPER, "sh", &own, users, groups]);
    helper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

/// Tells the helper `word` and waits for its end. Gives what it complained of.
fn finish(mut helper: Child, word: &[u8]) -> Result<(), String> {
    if let Some(mut input) = helper.stdin.take() {
        let _ = input.write_all(word);
    }
    let mut complaint = String::new();
    if let Some(errors) = helper.stderr.take() {
        let _ = errors.take(MAX_COMPLAINT).read_to_string(&mut complaint);
    }
    match helper.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(complaint.trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Makes this process root over itself alone: without any users it could not make a file.
fn map_only(uid: u32, gid: u32) {
    // What the helper has written already stays, and can't be written twice.
    let _ = fs::write("/proc/self/uid_map", format!("0 {uid} 1"));
    let _ = fs::write("/proc/self/setgroups", "deny");
    let _ = fs::write("/proc/self/gid_map", format!("0 {gid} 1"));
}
