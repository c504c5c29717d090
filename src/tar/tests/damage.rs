//! Archives that end too early, or are damaged.

use proptest::prelude::*;

use super::sparse::{gnu_sparse, version_1_0};
use super::{file, holds, slice_walk, walk};
use crate::tar::test_archives::{TestHeader, archive, pax, special, unended};
use crate::tar::{BLOCK, Entries, TarError, TarProblem};

#[test]
fn archives_end_at_two_blocks_of_zeros_or_where_they_stop() {
    let file = file("f", b"x");
    let entries = ["Regular f 1 @512"];
    let zeros = [0; BLOCK];
    holds(b"", &[]);
    holds(&file, &entries);
    holds(&file[..BLOCK + 1], &entries);
    holds(&[&file[..], &zeros].concat(), &entries);
    holds(&[&file[..], &zeros, &zeros, b"anything"].concat(), &entries);
    assert_eq!(walk(&[&file[..], &zeros, &file].concat()), Err(TarProblem::HalfEndMark));
    assert_eq!(walk(&[&file[..], &zeros, b"x"].concat()), Err(TarProblem::Truncated));
    assert_eq!(walk(&file[..BLOCK - 1]), Err(TarProblem::Truncated));
    holds(&pax(&[("path", "a")]), &[]);
}

#[test]
fn cut_content_is_told_by_where_its_entry_begins() {
    let tar = unended(&[&file("a", b"x"), &file("b", &[7; 600])]);
    let error = slice_walk(&tar[..1600]).expect_err("cut");
    assert_eq!(error, TarError { offset: 1024, problem: TarProblem::Truncated });
    assert_eq!(walk(&tar[..1600]), Err(TarProblem::Truncated));
    for size in ["9223372036854775807", "9223372036854775000"] {
        let tar = archive(&[&pax(&[("size", size)]), &file("a", b"x")]);
        assert!(walk(&tar).is_err(), "{size}");
    }
}

#[test]
fn extended_headers_are_bounded() {
    let header = |size: usize| TestHeader::ustar("x", b'x', size).sealed(false);
    assert_eq!(walk(&archive(&[&header(1 << 21)])), Err(TarProblem::SpecialTooLong));
    let value = "v".repeat((1 << 20) - 11);
    let longest = pax(&[("k", &value)]);
    holds(&archive(&[&longest, &file("f", b"")]), &["Regular f 0 @1049600"]);
}

proptest! {
    /// Archives with a few bytes changed: both walks say the same and stay in bounds.
    #[test]
    fn damaged_archives_are_the_same_to_all_walks(
        changes in prop::collection::vec((0usize..20 * BLOCK, any::<u8>()), 0..4),
        seal in any::<bool>(),
        cut in 0usize..20 * BLOCK,
    ) {
        let mut tar = archive(&[
            &pax(&[("path", "a"), ("size", "3")]), &file("f", b"abc"),
            &special(b'L', b"long"), &file("g", &[7; 700]),
            &gnu_sparse(&[0, 2, 4, 6, 8, 10], 20), &version_1_0("10", "2\n1\n2\n7\n3\n", b"abcde"),
        ]);
        for (at, byte) in changes {
            let at = at % tar.len();
            tar[at] = byte;
            if seal {
                let block = &mut tar[at / BLOCK * BLOCK..][..BLOCK];
                let sealed = TestHeader(block.try_into().expect("a block")).sealed(false);
                block.copy_from_slice(&sealed);
            }
        }
        tar.truncate(tar.len() - cut % tar.len());
        let _ = walk(&tar);
        for entry in Entries::new(&tar).flatten() {
            prop_assert!(entry.start <= entry.stored.start && entry.stored.start <= entry.content.start);
            prop_assert!(entry.content.end <= tar.len() as u64);
            if let Some(map) = &entry.sparse {
                prop_assert_eq!(map.data_len(), entry.content.end - entry.content.start);
            }
        }
    }
}
