//! The tar room: headers of archives, read and written. Nothing else in the crate reads a header.
//!
//! There is one reader of headers, one walk over an archive in memory ([`Entries`]), one over an
//! archive that is read ([`ReadEntries`]), one writer of plain files and one of trees. No content is looked at, except for the
//! maps of files with holes.
//!
//! Sources: POSIX pax, "ustar Interchange Format" and "pax Extended Header"; the GNU tar manual,
//! "Tar Internals", for its header, long names and sparse files; star's header. Where readers
//! disagree, Go's archive/tar counts, because engines unpack layers with it.

mod entry;
mod entry_type;
mod error;
mod header;
mod mtime;
mod name;
mod number;
mod pax;
mod read_entries;
mod slice_entries;
mod source;
mod sparse;
mod sparse_readers;
mod tar_bytes;
#[cfg(test)]
pub(crate) mod test_archives;
#[cfg(test)]
mod tests;
mod tree_writer;
mod walk;
mod writer;

pub use entry::Entry;
pub use entry_type::EntryType;
pub use error::{ReadError, TarError, TarProblem};
pub use mtime::Mtime;
pub use name::Name;
pub use read_entries::ReadEntries;
pub use slice_entries::Entries;
pub use source::{Forward, Seeking, Source};
pub use sparse::{SparseMap, SparsePiece, Stretch};
pub use tar_bytes::TarBytes;
pub use tree_writer::{NewEntry, NewKind, TreeWriter};
pub use writer::{HeaderStyle, NewFile, Writer, archive_len};

/// The unit of a tar, in bytes (POSIX pax, "ustar Interchange Format").
pub const BLOCK: usize = 512;

/// The longest extended header or long name that is read, in bytes. Go's archive/tar takes no longer
/// ones, so no engine could have read them.
pub const MAX_SPECIAL_BYTES: usize = 1 << 20;

/// The most pieces of data that one sparse file may have. Each piece takes 16 bytes of memory.
pub const MAX_SPARSE_PIECES: usize = 1 << 20;
