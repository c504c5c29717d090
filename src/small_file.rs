//! Files of people and tools: opened without waiting for what is no file, and read up to a bound.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens the regular file `path` for reading. Links are followed.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput), with what stands there, if it is no regular file: a
/// named pipe would be waited for without end, and a device may have no end.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = open_anything(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_file() { Ok(file) } else { Err(not_a_file(kind)) }
}

/// Reads the small file `path`: at most `limit` bytes. A pipe that the process has open already, such as
/// a shell makes for `<(…)`, is read too.
///
/// # Errors
/// As [`open_file`]; [`FileTooLarge`](io::ErrorKind::FileTooLarge) if there are more bytes.
pub fn read_small_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_anything(path)?;
    let kind = file.metadata()?.file_type();
    match kind {
        kind if kind.is_file() => {}
        kind if kind.is_fifo() && is_open_already(path) => {
            rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
        }
        kind => return Err(not_a_file(kind)),
    }
    let mut bytes = Vec::new();
    // One byte more shows that there are more.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("it is larger than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// Like [`read_small_file`], for text.
pub fn read_small_text(path: &Path, limit: u64) -> io::Result<String> {
    let bytes = read_small_file(path, limit)?;
    String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// Opens whatever is at `path` without waiting for it.
pub(crate) fn open_anything(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// Whether `path` names what the process has open, so that there is somebody at the other end.
pub(crate) fn is_open_already(path: &Path) -> bool {
    ["/dev/fd", "/proc/self/fd", "/dev/stdin"].iter().any(|open| path.starts_with(open))
}

/// The error for what is not a file.
pub(crate) fn not_a_file(kind: FileType) -> io::Error {
    let name = match kind {
        kind if kind.is_dir() => return io::ErrorKind::IsADirectory.into(),
        kind if kind.is_fifo() => "named pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    };
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is a {name}, not a file"))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("folder");
        let fifo = folder.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).expect("made");
        for (path, problem) in [
            (fifo.as_path(), "it is a named pipe, not a file"),
            (Path::new("/dev/zero"), "it is a device, not a file"),
            (folder.path(), "is a directory"),
        ] {
            for error in [
                open_file(path).map(drop).expect_err("no file"),
                read_small_file(path, 10).map(drop).expect_err("no file"),
            ] {
                assert_eq!(error.to_string(), problem);
            }
        }
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("file");
        std::fs::write(&path, b"12345").expect("written");
        assert_eq!(read_small_file(&path, 5).expect("fits"), b"12345");
        let error = read_small_file(&path, 4).expect_err("too large");
        assert_eq!(error.to_string(), "it is larger than 4 bytes");
    }

    #[test]
    fn a_pipe_that_is_open_already_is_read() {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        io::Write::write_all(&mut writer, b"secret").expect("written");
        drop(writer);
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read_small_file(Path::new(&path), 10).expect("read"), b"secret");
    }
}
