//! The image's files of users and groups: any bytes are read, and no number is nobody's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::accounts::{groups, users};
use remora::user_namespace::ranges;

fuzz_target!(|text: &[u8]| {
    for user in users(text) {
        assert!(!user.name.is_empty() && user.uid != u32::MAX && user.gid != u32::MAX);
    }
    for group in groups(text) {
        assert!(!group.has(b"") && group.gid != u32::MAX);
    }
    for range in ranges(text, Some(b"root"), 1000) {
        assert!(range.start.checked_add(range.count).is_some_and(|end| end > range.start));
    }
});
