//! Files as slices, and what happens where a page of one cannot be read. The one place with `unsafe`.
//!
//! The system tells of a page that the disk has lost by a signal, SIGBUS, at whatever instruction
//! touched the page. Nothing sound can go on from there: the instruction has no value to give, and to
//! put zeros in place of bytes that were seen before would change memory under a `&[u8]`. So the
//! process ends. What a program that asked for it gets ([`report_lost_pages`]) is a last line that
//! names the file, and the file's name removed from the store, so that the next run fetches the layer
//! again instead of ending at the same page.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use memmap2::{Advice, Mmap};

/// How many mappings are known to the signal handler by name. The pages of more are reported
/// without one.
const SLOTS: usize = 4096;

/// What a file without a name is called.
const NAMELESS: &str = "(a file without a name)";

/// How many pages the system is asked for at a time.
const PAGES_AT_ONCE: usize = 16_384;

/// A whole file, mapped into memory read-only.
///
/// # Invariant
/// The mapped file does not change while it is mapped. The store keeps it so: a file is mapped only
/// under `layers/`, where files appear complete (rename) and read-only (mode 0400) and are never
/// written, truncated or replaced, only unlinked; an unlinked file keeps its bytes until the last
/// map of it is gone. Links are not followed. The folder is its owner's alone (mode 0700), so nobody
/// else can break this.
#[derive(Debug)]
pub(crate) struct Mapping {
    map: Mmap,
    /// The slot that points to `path`, if there was one.
    slot: Option<&'static Slot>,
    _path: CString,
}

impl Mapping {
    /// Maps `file` at `path`, which must be one that fulfils the invariant above.
    pub(super) fn of(file: &File, path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        // SAFETY: the invariant above: nothing writes to or truncates the file while it is mapped.
        let map = unsafe { Mmap::map(file)? };
        let slot = TABLE.iter().find(|slot| slot.take(&map, &path));
        Ok(Mapping { map, slot, _path: path })
    }

    /// Maps a file that has no name, and whose last handle is `file`: nothing can write to it any more, which
    /// fulfils the invariant. Errors about its pages call it by the name of `folder`.
    pub(crate) fn of_nameless(file: File, folder: &Path) -> io::Result<Self> {
        if rustix::fs::fstat(&file)?.st_nlink != 0 {
            return Err(io::Error::other("the file has a name"));
        }
        Self::of(&file, &folder.join(NAMELESS))
    }

    /// Starts reading the file ahead of its use. Only a hint: failure changes nothing.
    pub(super) fn read_ahead(&self) {
        let _ = self.map.advise(Advice::WillNeed);
    }

    /// Reads the whole file into the page cache and maps its pages, so that a page that the disk has
    /// lost is an error here. A system that cannot do so (Linux before 5.14) finds nothing. What is in
    /// the page cache was read, and mapping each page of it would take time.
    pub(super) fn populate(&self) -> io::Result<()> {
        if self.is_cached() {
            return Ok(());
        }
        match self.map.advise(Advice::PopulateRead) {
            Err(error) if super::error::is_unreadable(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Mapping {
    /// Whether all pages are in the page cache.
    fn is_cached(&self) -> bool {
        let page = rustix::param::page_size();
        let mut states = [0_u8; PAGES_AT_ONCE];
        self.map.chunks(PAGES_AT_ONCE * page).all(|chunk| {
            let states = &mut states[..chunk.len().div_ceil(page)];
            // SAFETY: the chunk begins at a page, since maps do and all chunks before are of whole
            // pages; it is mapped while `self` lives, and `states` has a byte for each of its pages.
            let told = unsafe {
                libc::mincore(chunk.as_ptr().cast_mut().cast(), chunk.len(), states.as_mut_ptr())
            };
            told == 0 && states.iter().all(|state| state & 1 == 1)
        })
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.start.store(0, Ordering::Release);
        }
    }
}

/// Where a mapping lies and which file it shows, for a signal handler to read without a lock.
#[derive(Debug)]
struct Slot {
    /// 0 for a free slot, 1 for one that is being filled.
    start: AtomicUsize,
    len: AtomicUsize,
    path: AtomicPtr<c_char>,
}

static TABLE: [Slot; SLOTS] = [const {
    Slot {
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(0),
        path: AtomicPtr::new(ptr::null_mut()),
    }
}; SLOTS];

impl Slot {
    /// Takes the slot for a mapping, if it is free. `path` must live until it is free again.
    fn take(&self, map: &Mmap, path: &CString) -> bool {
        if self.start.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return false;
        }
        self.len.store(map.len(), Ordering::Relaxed);
        self.path.store(path.as_ptr().cast_mut(), Ordering::Relaxed);
        self.start.store(map.as_ptr() as usize, Ordering::Release);
        true
    }

    fn holds(&self, address: usize) -> bool {
        let start = self.start.load(Ordering::Acquire);
        start > 1 && (start..start + self.len.load(Ordering::Relaxed)).contains(&address)
    }
}

/// The last words of a process that touched a page that the disk has lost.
#[derive(Debug, Clone, Copy)]
pub struct LastWords {
    /// The text before the file's path.
    pub before: &'static str,
    /// The text after the file's path.
    pub after: &'static str,
    /// The status that the process ends with.
    pub status: i32,
}

struct Installed {
    words: LastWords,
    previous: libc::sigaction,
}

static INSTALLED: OnceLock<Installed> = OnceLock::new();

/// From now on a page of a stored layer that cannot be read ends the process with `words` on stderr
/// and drops that layer from the store. For the whole process, so for programs to call and not for
/// libraries; the first call counts.
pub fn report_lost_pages(words: LastWords) {
    INSTALLED.get_or_init(|| Installed { words, previous: set_handler() });
}

fn set_handler() -> libc::sigaction {
    // SAFETY: all-zero is a valid `sigaction` (no flags, an empty mask); the handler calls nothing
    // that is not async-signal-safe (signal-safety(7)) and touches nothing but atomics.
    unsafe {
        let mut previous: libc::sigaction = std::mem::zeroed();
        let mut action: libc::sigaction = std::mem::zeroed();
        let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_bus_error;
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, &action, &mut previous);
        previous
    }
}

extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    let Some(installed) = INSTALLED.get() else { return };
    // SAFETY: the system passes a valid `siginfo_t` to a handler with SA_SIGINFO.
    let (address, sent) = unsafe { ((*info).si_addr() as usize, (*info).si_code <= 0) };
    let slot = TABLE.iter().find(|slot| !sent && slot.holds(address));
    let Some(slot) = slot else {
        // None of ours: whoever was there before is asked when the instruction runs again.
        // SAFETY: both functions are async-signal-safe, `previous` came from sigaction(2).
        unsafe {
            libc::sigaction(signal, &installed.previous, ptr::null_mut());
            if sent {
                libc::raise(signal);
            }
        }
        return;
    };
    end(&installed.words, slot.path.load(Ordering::Relaxed))
}

/// Says the last words, drops the file and ends.
fn end(words: &LastWords, path: *const c_char) -> ! {
    // SAFETY: `path` points to the string of a mapping that lives: the faulting thread is reading it.
    // write, unlink and _exit are async-signal-safe, strlen is in practice.
    unsafe {
        libc::unlink(path);
        let parts = [
            (words.before.as_ptr().cast(), words.before.len()),
            (path, libc::strlen(path)),
            (words.after.as_ptr().cast(), words.after.len()),
        ];
        for (start, len) in parts {
            libc::write(libc::STDERR_FILENO, start.cast::<c_void>(), len);
        }
        libc::_exit(words.status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file shorter than its mapping has pages that cannot be read, as on a disk that lost them.
    fn cut_mapping() -> (tempfile::NamedTempFile, Mapping) {
        let file = tempfile::NamedTempFile::new().expect("file");
        file.as_file().set_len(1 << 20).expect("grown");
        let mapping = Mapping::of(file.as_file(), file.path()).expect("mapped");
        assert!(mapping.populate().is_ok());
        file.as_file().set_len(0).expect("cut");
        (file, mapping)
    }

    #[test]
    fn pages_that_were_written_are_cached_and_pages_beyond_the_end_are_not() {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), vec![1; (1 << 20) + 1]).expect("written");
        let mapping = Mapping::of(file.as_file(), file.path()).expect("mapped");
        assert!(mapping.is_cached());
        assert!(!cut_mapping().1.is_cached());
    }

    #[test]
    fn a_lost_page_is_an_error_where_pages_are_populated() {
        let (_file, mapping) = cut_mapping();
        assert!(mapping.populate().is_err());
    }

    #[test]
    fn a_mapping_is_known_by_its_addresses_for_as_long_as_it_lives() {
        let file = tempfile::NamedTempFile::new().expect("file");
        file.as_file().set_len(100).expect("grown");
        let mapping = Mapping::of(file.as_file(), file.path()).expect("mapped");
        let (first, slot) = (mapping.as_ptr() as usize, mapping.slot.expect("a free slot"));
        assert!(slot.holds(first) && slot.holds(first + 99) && !slot.holds(first + 100));
        drop(mapping);
        assert!(!slot.holds(first));
    }
}
