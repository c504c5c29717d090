//! What must hold of covers: they are found where most bytes are equal, and are the same for any number of threads.

use super::*;
use crate::chunked::{PRICES, program_cost};
use crate::delta::test_files::{noise, tar};
use crate::delta::{Base, Cover, Options};
use crate::references::Program;
use crate::references::test_programs::{Processor, program_for};

fn covers(base: &Base<'_>, target: &[u8], memory: u64) -> Vec<Cover> {
    let targets = [target];
    let mut search = Options::default().search();
    search.memory = memory;
    let covers = Covers::new(base, &targets, PRICES, &search, &|_| true).expect("memory");
    covers.of_target(0, &|_| true).expect("memory")
}

/// One byte in `every` is another.
fn changed(mut bytes: Vec<u8>, every: usize) -> Vec<u8> {
    bytes.iter_mut().skip(every / 2).step_by(every).for_each(|byte| *byte ^= 0x55);
    bytes
}

#[test]
fn a_file_with_a_change_every_twelve_bytes_is_one_cover_wherever_it_moved() {
    let file = noise(200_000, 1);
    let old = tar(&[("first", &noise(3_000, 2)), ("lib/program-1.2", &file)]);
    let new = tar(&[("lib/program-1.13", &changed(file, 12)), ("first", &noise(3_000, 2))]);
    let base = Base::new(vec![&old]);
    let covers = covers(&base, &new, 256 << 20);
    let longest = covers.iter().map(|cover| cover.len).max();
    assert!(longest >= Some(199_000), "{covers:?}");
}

#[test]
fn a_renamed_file_finds_its_partner_by_its_bytes() {
    let files: Vec<Vec<u8>> = (0..20).map(|seed| noise(50_000, seed)).collect();
    let names: Vec<String> =
        (b'a'..).take(20).map(|letter| char::from(letter).to_string()).collect();
    let old: Vec<(&str, &[u8])> =
        names.iter().zip(&files).map(|(name, file)| (&name[..], &file[..])).collect();
    // No seed of sixteen bytes is whole in most places, and those of the first kilobyte are another file's.
    let mut new = files[0][..1_024].to_vec();
    new.extend(changed(files[7][1_024..].to_vec(), 40));
    let (old, new) = (tar(&old), tar(&[("renamed", &new)]));
    let base = Base::new(vec![&old]);
    let covered: u64 = covers(&base, &new, 256 << 20).iter().map(|cover| cover.len).sum();
    assert!(covered >= 49_000, "{covered}");
}

#[test]
fn memory_bounds_the_index_and_not_the_result() {
    let file = noise(2 << 20, 1);
    let (old, new) = (tar(&[("program", &file)]), tar(&[("program", &changed(file, 30))]));
    let base = Base::new(vec![&old]);
    for memory in [1 << 20, 4 << 20, 256 << 20] {
        let covered: u64 = covers(&base, &new, memory).iter().map(|cover| cover.len).sum();
        assert!(covered >= 2 << 20, "{covered} with {memory}");
    }
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let parts: Vec<Vec<u8>> = (0..40).map(|seed| noise(20_000, seed)).collect();
    let old: Vec<u8> = parts.concat();
    let new: Vec<u8> =
        parts.iter().rev().enumerate().flat_map(|(n, part)| changed(part.clone(), 5 + n)).collect();
    let base = Base::new(vec![&old[..300_000], &old[300_000..]]);
    let found = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| covers(&base, &new, 8 << 20))
    };
    let one = found(1);
    assert!(one.len() > 20, "{}", one.len());
    assert!([2, 3, 8].into_iter().all(|threads| found(threads) == one));
}

#[test]
fn a_search_that_is_told_to_stop_leaves_literal_what_it_has_not_looked_at() {
    let file = noise(1 << 20, 1);
    let (old, new) = (tar(&[("program", &file)]), tar(&[("program", &changed(file, 30))]));
    let (base, targets) = (Base::new(vec![&old]), [&new[..]]);
    let search = Options::default().search();
    let found = |most: u64| {
        let told = std::sync::atomic::AtomicU64::new(0);
        let advance =
            |bytes| told.fetch_add(bytes, std::sync::atomic::Ordering::Relaxed) + bytes < most;
        let covers = Covers::new(&base, &targets, PRICES, &search, &|_| true).expect("memory");
        let covers = covers.of_target(0, &advance).expect("memory");
        covers.iter().map(|cover| cover.len).sum::<u64>()
    };
    assert_eq!(found(0), 0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let some = pool.install(|| found(300_000));
    assert!((300_000..900_000).contains(&some), "{some}");
}

#[test]
fn headers_and_padding_are_not_taken_from_files() {
    let target = tar(&[("one", &noise(3_000, 1)), ("two", &noise(700, 2))]);
    let files = [(&b"backup.tar"[..], &target[..])];
    let base = Base::of_files(&files);
    let found = covers(&base, &target, 8 << 20);
    let ranges: Vec<_> = found.iter().map(|cover| (cover.start, cover.end())).collect();
    assert_eq!(ranges, [(512, 3_512), (4_096, 4_796)]);
}

/// `covers` of `target`, those of programs chosen again.
fn by_names(base: &Base<'_>, target: &[u8], covers: Vec<Cover>) -> Vec<Cover> {
    let search = Options::default().search();
    let cost = |covers: &[Cover], program: &Program| program_cost(base, target, covers, program);
    covers_by_names(base, target, covers, PRICES, &search, &cost, &|_| true).expect("memory")
}

#[test]
fn covers_of_programs_chosen_by_what_references_name_are_in_order_and_cost_less() {
    for processor in Processor::ALL {
        // Every second function is new, and the others are in two halves that changed places.
        let both = |function| [function, function + 120];
        let new: Vec<u8> = (60..120).chain(0..60).flat_map(both).collect();
        let old = program_for(processor, &(0..120).collect::<Vec<u8>>());
        let new = program_for(processor, &new);
        let old = tar(&[("etc/other", b"other"), ("bin/tool", &old)]);
        let new = tar(&[("bin/tool", &new), ("etc/other", b"another")]);
        let base = Base::new(vec![&old]);
        // Half of what there is was missed.
        let all = covers(&base, &new, 256 << 20);
        let before: Vec<Cover> = all.into_iter().step_by(2).collect();
        let after = by_names(&base, &new, before.clone());
        let mut at = 0;
        for cover in &after {
            assert!(cover.start >= at && cover.len > 0 && cover.offset + cover.len <= base.len());
            at = cover.end();
        }
        assert!(at <= new.len() as u64);
        let found = programs(&base, &new, &before);
        let range = found[0].target.range();
        let inside = |covers: &[Cover]| -> Vec<Cover> {
            let inside = |cover: &&Cover| cover.start >= range.start && cover.end() <= range.end;
            covers.iter().filter(inside).copied().collect()
        };
        let cost = |covers: &[Cover]| program_cost(&base, &new, &inside(covers), &found[0]);
        assert!(cost(&after) < cost(&before), "{processor:?}");
        assert_eq!(by_names(&base, &new, before.clone()), after);
    }
}

#[test]
fn covers_of_what_is_no_program_are_not_chosen_again() {
    let file = noise(100_000, 1);
    let (old, new) = (tar(&[("file", &file)]), tar(&[("file", &changed(file, 30))]));
    let base = Base::new(vec![&old]);
    let before = covers(&base, &new, 256 << 20);
    assert_eq!(by_names(&base, &new, before.clone()), before);
}
