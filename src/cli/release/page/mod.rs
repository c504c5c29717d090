//! `--html`: the update of a fleet as one page that needs nothing else: no script, no font, no image.

mod bars;
mod escape;
mod file;
mod html;

pub(super) use self::file::PageFile;
