//! Zip archives: any bytes have members inside of them that do not overlap, and what opens is packed and opens again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use remora::archives::{Deflater, Levels, inflate, members};

/// What a member has open at most here.
const CONTENT_BYTES: u64 = 1 << 20;

// The input: a byte that says the level, an archive.
fuzz_target!(|input: &[u8]| {
    let Some((&level, archive)) = input.split_first() else { return };
    let level = level % 9 + 1;
    let mut end = 0;
    for member in members(archive) {
        assert!(member.packed.start >= end && member.packed.end <= archive.len());
        end = member.packed.end;
        if member.len > CONTENT_BYTES {
            continue;
        }
        let packed = &archive[member.packed];
        let Some(content) = inflate(packed, member.len as usize) else { continue };
        assert_eq!(content.len() as u64, member.len);
        Levels::default().of(&content, packed, None);
        let mut deflater = Deflater::new(level).expect("a level");
        let mut again = Vec::new();
        deflater.write(&content, &mut again).expect("vec");
        deflater.finish(&mut again).expect("vec");
        assert!(inflate(&again, content.len()) == Some(content));
    }
});
