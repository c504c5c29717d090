//! How much memory there is for this process.

use std::fs;

/// Assumed where the system says nothing: a small virtual machine.
const UNKNOWN: u64 = 1 << 30;

/// Half of the memory that the process may have: of its cgroup's limit, or the machine's. The other
/// half is the page cache's, which layers are read through.
pub(super) fn half() -> u64 {
    let limits = [cgroup_limit(), machine()];
    limits.into_iter().flatten().min().unwrap_or(UNKNOWN) / 2
}

/// The limit of a container (cgroup v2, or v1), as seen from inside.
fn cgroup_limit() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
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
    }
}
