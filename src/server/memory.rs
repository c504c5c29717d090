//! How much memory there is for this process.

use std::fs;
use std::path::Path;

/// Assumed where the system says nothing: a small virtual machine.
const UNKNOWN: u64 = 1 << 30;

/// Half of the memory that the process may have: of its cgroup's limit, or the machine's. The other
/// half is the page cache's, which layers are read through.
pub(super) fn half() -> u64 {
    let limits = [cgroup_limit(), machine()];
    limits.into_iter().flatten().min().unwrap_or(UNKNOWN) / 2
}

/// The limit of the process's cgroup (version 2, or 1 as a container sees it), or of one around it.
fn cgroup_limit() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok();
    let own = own.as_deref().and_then(own_cgroup).unwrap_or("/");
    let around = Path::new(own).ancestors().filter_map(Path::to_str);
    let files = around.map(|group| format!("/sys/fs/cgroup{group}/memory.max"));
    let version_1 = "/sys/fs/cgroup/memory/memory.limit_in_bytes".to_owned();
    let limits = files.chain([version_1]).filter_map(|file| {
        // Where there is no limit it says `max`.
        fs::read_to_string(file).ok()?.trim().parse().ok()
    });
    limits.min()
}

/// The path in the line of version 2 in `/proc/self/cgroup` (cgroups(7)).
fn own_cgroup(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("0::"))
}

/// `MemTotal` of `/proc/meminfo` (proc(5)).
fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_some() {
        assert!(half() >= 16 << 20);
        let text = "1:name=x:/a\n0::/system.slice/remora.service\n";
        assert_eq!(own_cgroup(text), Some("/system.slice/remora.service"));
        assert_eq!(own_cgroup("1:memory:/a\n"), None);
    }
}
