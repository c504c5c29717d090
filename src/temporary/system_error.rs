//! What the system itself says where a library wraps it.

use std::io;

/// The error of the system in an error of `tempfile`, which also names the file that could not be made: nobody has
/// heard of that one.
pub(super) fn without_path(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|error| error.source());
    let system = inner.and_then(|error| error.downcast_ref::<io::Error>());
    system.and_then(io::Error::raw_os_error).map_or(error, io::Error::from_raw_os_error)
}
