//! What must hold of opened archives: members are as the target has them, the same for any number of threads, in any memory.

use super::super::opening::{Opening, OpeningCosts};
use super::super::test_files::tar;
use super::super::{Base, Search};
use super::{Covers, open_archives};
use crate::archives::test_zips::zip;
use crate::archives::{Levels, inflate};
use crate::chunked::PRICES;
use crate::delta::Options;

/// Words, of which every 50th is another in every version.
fn text(seed: usize, words: usize, version: usize) -> Vec<u8> {
    let word = |at: usize| {
        let changed = if at % 50 == seed % 50 { version } else { 0 };
        format!("word{:x} ", (at * (seed + 3)) % 997 + changed * 1000)
    };
    (0..words).flat_map(|at| word(at).into_bytes()).collect()
}

fn archive(version: usize, members: usize, words: usize) -> Vec<u8> {
    let all: Vec<(String, Vec<u8>)> = (0..members)
        .map(|number| (format!("m/{number}.class"), text(number, words, version)))
        .collect();
    let members: Vec<(&str, &[u8], u8)> =
        all.iter().map(|(name, content)| (&name[..], &content[..], 6)).collect();
    zip(&members)
}

/// What is opened of `target` if the open way is the cheaper one.
fn opened(base: &Base<'_>, target: &[u8], search: &Search) -> Opening {
    let targets = [target];
    let covers = Covers::new(base, &targets, PRICES, search, &|_| true).expect("memory");
    let covers = covers.of_target(0, &|_| true).expect("memory");
    let cost = |_: &Opening, _| OpeningCosts { packed: 1, open: 0 };
    open_archives(base, target, &covers, PRICES, search, &cost, &|_| true).expect("memory")
}

/// Members are in order, and their contents, packed with their levels, are what the target has; covers are inside of both.
fn check(base: &Base<'_>, target: &[u8], opening: &Opening) {
    let mut end = 0;
    for member in &opening.members {
        assert!(member.start >= end);
        end = member.end();
        let packed = &target[member.start as usize..end as usize];
        let content = inflate(packed, member.len as usize).expect("its length");
        assert_eq!(Levels::default().of(&content, packed, Some(member.level)), Some(member.level));
        let mut at = 0;
        for cover in &member.covers {
            assert!(cover.start >= at && cover.offset + cover.len <= opening.opened_len());
            at = cover.end();
        }
        assert!(at <= member.len);
    }
    for stretch in &opening.stretches {
        let packed = &base.tail(stretch.offset)[..stretch.packed_len as usize];
        assert!(inflate(packed, stretch.len as usize).is_some());
    }
}

#[test]
fn members_are_opened_alike_by_any_number_of_threads_and_in_little_memory() {
    let old = tar(&[("a/tool-1.jar", &archive(0, 24, 900)), ("a/other.zip", &archive(0, 3, 300))]);
    let new =
        tar(&[("a/tool-1.1.jar", &archive(1, 26, 900)), ("a/other.zip", &archive(2, 3, 300))]);
    let base = Base::new(vec![&old]);
    // The second has room for some members at once, and the third for none.
    for (memory, expected) in [(256 << 20, 29), (2 << 20, 29), (64 << 10, 0)] {
        let mut search = Options::default().search();
        search.memory = memory;
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| opened(&base, &new, &search))
        };
        let opening = with(1);
        assert_eq!(opening, with(4));
        assert_eq!(opening.members.len(), expected, "in {memory} bytes");
        check(&base, &new, &opening);
    }
}

#[test]
fn no_damage_to_an_archive_opens_something_else() {
    let old = tar(&[("x.zip", &archive(0, 3, 60))]);
    let base = Base::new(vec![&old]);
    let whole = archive(1, 3, 60);
    for at in 0..whole.len() {
        for value in [0, 0xff] {
            let mut damaged = whole.clone();
            damaged[at] = value;
            let target = tar(&[("x.zip", &damaged)]);
            check(&base, &target, &opened(&base, &target, &Options::default().search()));
        }
    }
}

#[test]
fn a_member_that_zlib_did_not_pack_leaves_the_others_to_be_opened() {
    let old = tar(&[("a/tool-1.jar", &archive(0, 24, 900))]);
    let mut jar = archive(1, 24, 900);
    // In the packed bytes of the first member.
    jar[200] ^= 0x55;
    let new = tar(&[("a/tool-1.jar", &jar)]);
    let base = Base::new(vec![&old]);
    let opening = opened(&base, &new, &Options::default().search());
    assert_eq!(opening.members.len(), 23);
    check(&base, &new, &opening);
}
