//! Which names must be in the list: what is left out stays as it is on the device.

use super::names::Names;
use super::wishes::Wishes;

/// Of every name whether it must be listed: what changes, each directory in which a name has to
/// vanish and all that is in it, all hard links of what is listed, and all directories above.
pub(super) fn listed(names: &Names<'_, '_>, wishes: &Wishes) -> Vec<bool> {
    let mut listed = vec![false; names.len()];
    for at in 0..names.len() {
        if wishes.leader(at) == at {
            listed[at] = at == 0 || !wishes.is_unchanged(names, at);
        }
        listed[at] |= names[at].vanishing || names[names[at].parent()].vanishing;
    }
    for class in wishes.classes() {
        if class.iter().any(|&member| listed[member as usize]) {
            class.iter().for_each(|&member| listed[member as usize] = true);
        }
    }
    // Parents come before what is in them, so one pass from the end reaches the root.
    for at in (1..names.len()).rev() {
        listed[names[at].parent()] |= listed[at];
    }
    listed
}

/// Of every name whether, as a directory, all that is in it is listed: then the reader looks
/// inside and deletes what the list lacks.
pub(super) fn complete(names: &Names<'_, '_>, listed: &[bool]) -> Vec<bool> {
    let mut complete = vec![true; names.len()];
    for at in (0..names.len()).filter(|&at| !listed[at]) {
        complete[names[at].parent()] = false;
    }
    complete
}
