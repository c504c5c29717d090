//! Memory in large pages for large tables. Who looks things up all over a table waits for the table of pages about as long as
//! for the table itself; with large pages that is 512 times smaller. Where the system does not leave the choice to programs
//! (`/sys/kernel/mm/transparent_hugepage/enabled`), nothing changes. And what large pieces took goes back to the system when
//! they are free.

// What asks for memory, and how advice is given, is unsafe by its nature; nothing else is here.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};

/// Smaller pieces of memory are left as they are: a large page has 2 MiB, and a piece begins and ends anywhere in one.
const LARGE_BYTES: usize = 4 << 20;

/// Pieces of so many bytes are mapped by themselves, and given back as soon as they are free. Left to itself the GNU C library
/// keeps ever larger ones between others: the peak of one delta was 282 MiB instead of 163.
#[cfg(target_env = "gnu")]
const MAPPED_BYTES: libc::c_int = 4 << 20;
/// So much may be free at the end of what threads have for small pieces: less is asked for and given back all the time.
#[cfg(target_env = "gnu")]
const KEPT_BYTES: libc::c_int = 32 << 20;

/// Makes the C library give large pieces of memory back when they are free. Other libraries do that by themselves.
pub(crate) fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: these change how later pieces are taken; a refusal leaves things as they are.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
}

/// The system's allocator, which is asked for large pages where a piece of memory is large.
pub(crate) struct LargePages;

// SAFETY: `System` does all of it; advice changes neither bytes nor addresses.
unsafe impl GlobalAlloc for LargePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what holds for this function holds for that one.
        advised(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what holds for this function holds for that one.
        advised(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: what holds for this function holds for that one.
        advised(unsafe { System.realloc(memory, layout, size) }, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: what holds for this function holds for that one.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Advises the system to use large pages for the `size` bytes of `memory`, if they are many.
fn advised(memory: *mut u8, size: usize) -> *mut u8 {
    if size >= LARGE_BYTES && !memory.is_null() {
        let page = rustix::param::page_size();
        let start = memory.addr().next_multiple_of(page);
        let whole = (memory.addr() + size - start) / page * page;
        // SAFETY: these pages are inside a piece of memory that was just given out. A refusal leaves things as they are.
        unsafe {
            libc::madvise(memory.with_addr(start).cast(), whole, libc::MADV_HUGEPAGE);
        }
    }
    memory
}
