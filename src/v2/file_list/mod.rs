//! The file list in a batch: one entry a name, each written relative to the one before
//! (rsync's flist.c, protocols 30 and 31).

mod flags;
mod list;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub(super) use list::FileList;
pub(super) use read::{ListForm, ListReader};
pub(super) use write::ListWriter;
