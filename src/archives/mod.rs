//! The archives room: what packed members of archives have in them, and how their bytes are made again.
//!
//! Here live the directory of a zip archive (a jar or wheel is one), opening a member, deflating as zlib does, and the level
//! that a member was packed with. Everything is pure, and nothing believes what an archive says of itself. Not here: which archives
//! are worth opening (`delta`), and how it is told (`chunked`).

mod deflate;
mod inflate;
mod level;
#[cfg(test)]
pub(crate) mod test_zips;
mod zip;

pub use deflate::{Deflater, TooSlow};
pub use inflate::{Inflater, inflate};
pub use level::Levels;
pub use zip::{Member, is_archive, members};
