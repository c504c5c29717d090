//! The order in which entries are sent. It is free, so it is chosen to make the list small.

use super::names::Names;

/// The listed `positions`, as positions in that list, in sending order: directory by directory,
/// and in each one grouped by what an entry need not repeat.
pub(super) fn sending(names: &Names<'_, '_>, positions: &[u32]) -> Vec<u32> {
    let mut sending: Vec<u32> = (0..positions.len() as u32).collect();
    // The key is made anew at each comparison: keeping it would take more memory than all the rest.
    sending.sort_unstable_by_key(|&entry| {
        let at = positions[entry as usize] as usize;
        let inode = names.target_inode(at);
        let attributes = inode.attributes;
        let owner = (attributes.uid, attributes.gid);
        // The root is in no directory but its own, and must come first.
        let parent = if at == 0 { None } else { Some(names[at].parent()) };
        (parent, attributes.mtime.seconds, owner, attributes.mode, inode.is_directory(), entry)
    });
    sending
}
