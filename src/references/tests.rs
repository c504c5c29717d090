//! What must hold of references: they are found, follow what they name, and literals come back as they were.

use proptest::prelude::*;

use super::test_programs::{Processor, program, program_for, program_with_symbols};
use super::*;

/// Those of `file` as if it were the base and the layer.
fn side(file: &[u8]) -> Side {
    elf_regions(file, 0).expect("a program")
}

/// Stretches between `old` and `new`, region by region, of equal kinds and as long as both are.
fn stretches(old: &Side, new: &Side) -> Vec<(Region, Stretch)> {
    let pairs = old.regions.iter().zip(&new.regions);
    let stretch = |(old, new): (&Region, &Region)| {
        let stretch = Stretch {
            old: old.address,
            new: new.address,
            len: old.len.min(new.len),
            kind: old.kind,
            old_origin: old.origin(),
            new_origin: new.origin(),
        };
        (*old, stretch)
    };
    pairs.map(stretch).collect()
}

#[test]
fn a_program_has_regions_with_the_references_that_its_sections_say() {
    let file = program(&[1, 2, 3, 4]);
    let side = side(&file);
    let kinds: Vec<Kind> = side.regions.iter().map(|region| region.kind).collect();
    assert_eq!(kinds, [Kind::X86, Kind::FromStart, Kind::FromOwn, Kind::Pointers]);
    let data = side.regions[3];
    assert_eq!(data.address, data.start + 0x1000, "data is loaded higher than it is in the file");
    assert_eq!(side.limit, data.address + data.len + 0x2000, "what no file has counts");
}

#[test]
fn symbols_have_addresses_behind_what_is_loaded_and_name_theirs() {
    for processor in Processor::ALL {
        let file = program_with_symbols(processor, &(10..40).collect::<Vec<u8>>());
        let old = side(&file);
        let [.., symbols, names] = old.regions[..] else { panic!("{old:?}") };
        assert!(
            matches!(symbols.kind, Kind::Symbols | Kind::Symbols32) && names.kind == Kind::Plain
        );
        assert!(symbols.address >= side(&program_for(processor, &[10])).limit);
        assert_eq!(names.address, symbols.address + symbols.len);
        let (_, stretch) = stretches(&old, &old)[old.regions.len() - 2];
        let bytes = &file[symbols.start as usize..symbols.end() as usize];
        let mut found = Vec::new();
        references(bytes, &stretch, &old, &mut found);
        assert_eq!(found.len(), 60, "name and address of each");
        assert_eq!([found[0].old, found[1].old], [names.address + 1, 0x1000]);
    }
}

#[test]
fn no_cut_and_no_flipped_byte_of_a_program_is_trouble() {
    Processor::ALL.into_iter().for_each(no_trouble);
}

fn no_trouble(processor: Processor) {
    let file = program_with_symbols(processor, &[1, 2, 3]);
    let sane = |file: &[u8]| {
        let Some(side) = elf_regions(file, 7) else { return };
        let mut at = 7;
        for region in &side.regions {
            assert!(region.start >= at && region.len > 0);
            at = region.end();
        }
        assert!(at <= 7 + file.len() as u64);
    };
    (0..file.len()).for_each(|cut| sane(&file[..cut]));
    for at in 0..file.len() {
        for value in [0, 0x7f, 0xff, file[at] ^ 1] {
            let mut other = file.clone();
            other[at] = value;
            sane(&other);
        }
    }
}

#[test]
fn references_of_every_kind_are_found_and_follow_what_moved() {
    Processor::ALL.into_iter().for_each(follow_what_moved);
}

fn follow_what_moved(processor: Processor) {
    let old_file = program_for(processor, &(10..40).collect::<Vec<u8>>());
    let old = side(&old_file);
    // The same program, everything 0x400 higher, data 0x1600.
    let mut new = old.clone();
    for region in &mut new.regions {
        region.address +=
            if matches!(region.kind, Kind::Pointers | Kind::Pointers32) { 0x1600 } else { 0x400 };
    }
    let pairs = stretches(&old, &new);
    let mut predictor = Predictor::new();
    predictor.begin(pairs.iter().map(|(_, stretch)| *stretch));
    let mut found = Vec::new();
    for (region, stretch) in pairs {
        let bytes = &old_file[region.start as usize..region.end() as usize];
        references(bytes, &stretch, &old, &mut found);
        let least = if region.kind.is_code() { 3 * 30 } else { 30 };
        assert!(found.len() >= least, "{} of {:?}", found.len(), region.kind);
        for reference in &found {
            let moved = if is_data(&old, reference.old) { 0x1600 } else { 0x400 };
            let expected = reference.naming(reference.old + moved);
            assert_eq!(predictor.predict(&stretch, reference), expected, "{:?}", region.kind);
            let mut field = bytes[reference.at..].to_vec();
            assert_eq!(reference.set(&mut field, expected), expected);
            assert_eq!(reference.value(&field), Some(expected));
        }
    }
}

/// Whether `address` is in the last region of `side`, which is data.
fn is_data(side: &Side, address: u64) -> bool {
    side.regions.last().is_some_and(|data| data.address <= address)
}

#[test]
fn what_code_names_twice_is_learned_and_forgotten_with_the_program() {
    let region = |start, kind| Region { start, len: 0x1000, address: start, kind };
    let regions = vec![region(0x1000, Kind::X86), region(0x9000, Kind::Plain)];
    let base = Side { regions, limit: 0xa000 };
    let stretch = Stretch {
        old: 0x1000,
        new: 0x1000,
        len: 0x1000,
        kind: Kind::X86,
        old_origin: 0x1000,
        new_origin: 0x1000,
    };
    // Two calls of 0x9800.
    let mut code = vec![0xe8];
    code.extend((0x9800u32 - 0x1005).to_le_bytes());
    code.push(0xe8);
    code.extend((0x9800u32 - 0x100a).to_le_bytes());
    let mut found = Vec::new();
    references(&code, &stretch, &base, &mut found);
    let [first, second] = found[..] else { panic!("{found:?}") };
    let mut predictor = Predictor::new();
    predictor.begin([stretch]);
    let predicted = predictor.predict(&stretch, &first);
    assert_eq!(predicted, 0x9800 - 0x1005);
    predictor.learn(&stretch, &first, predicted + 0x40);
    assert_eq!(predictor.predict(&stretch, &second), 0x9840 - 0x100a);
    predictor.begin([stretch]);
    assert_eq!(predictor.predict(&stretch, &second), 0x9800 - 0x100a);
}

#[test]
fn of_stretches_that_overlap_the_first_and_longest_counts() {
    let stretch =
        |old, new, len| Stretch { old, new, len, kind: Kind::Plain, old_origin: 0, new_origin: 0 };
    let given = [
        stretch(0x200, 0x1200, 0x100),
        stretch(0x100, 0x5000, 0x180),
        stretch(0x100, 0x7000, 0x20),
        stretch(0x110, 0x9000, 0x10),
    ];
    let map = address_map::AddressMap::new(given);
    let expected = [
        (0x80, 0x4f80),
        (0x100, 0x5000),
        (0x110, 0x5010),
        (0x27f, 0x517f),
        (0x280, 0x1280),
        (0x400, 0x1400),
    ];
    for (old, new) in expected {
        assert_eq!(map.new_address(old), new, "{old:x}");
    }
    assert_eq!(address_map::AddressMap::default().new_address(7), 7);
}

#[test]
fn calls_of_one_function_are_the_same_bytes_once_they_name_addresses() {
    for processor in Processor::ALL {
        // All call the first: what they would call is not there.
        let file = program_for(processor, &[1, 50, 100, 150]);
        let side = side(&file);
        let mut literals = file.clone();
        to_absolute(&mut literals, 0, &side);
        assert_ne!(literals, file);
        let calls = |bytes: &[u8]| {
            let code = &bytes[0x1000..side.regions[0].end() as usize];
            let calls = code.chunks(code.len() / 4).map(|function| function[40..44].to_vec());
            calls.collect::<std::collections::HashSet<_>>().len()
        };
        assert!(calls(&literals) < calls(&file), "{processor:?}");
        to_relative(&mut literals, 0, &side);
        assert!(literals == file);
    }
}

proptest! {
    #[test]
    fn any_literals_come_back_from_absolute_addresses(
        code in proptest::collection::vec(
            prop_oneof![
                Just(0xe8), Just(0x0f), Just(0x84), Just(0x05), Just(0), Just(0xff), Just(0x94), Just(0x90), any::<u8>(),
            ],
            0..400,
        ),
        kind in 0usize..Kind::ALL.len(),
        at in 0u64..300,
        start in 0u64..300,
        len in 1u64..300,
        address in 0u64..100_000,
        beyond in 0u64..1 << 31,
    ) {
        let region = Region { start, len, address, kind: Kind::ALL[kind] };
        let side = Side { regions: vec![region], limit: address + len + beyond };
        let mut bytes = code.clone();
        to_absolute(&mut bytes, at, &side);
        to_relative(&mut bytes, at, &side);
        prop_assert_eq!(bytes, code);
    }

    #[test]
    fn any_bytes_have_references_in_order_and_in_bounds(
        bytes in proptest::collection::vec(prop_oneof![Just(0xe8), Just(0x0f), Just(0x85), Just(0x90), Just(0x91), any::<u8>()], 0..300),
        old in 0u64..1 << 40,
        kind in 0usize..Kind::ALL.len(),
        limit in any::<u64>(),
    ) {
        let kind = Kind::ALL[kind];
        let region = Region { start: 0, len: 300, address: old, kind };
        let base = Side { regions: vec![region], limit };
        let len = bytes.len() as u64;
        let stretch = Stretch { old, new: 5, len, kind, old_origin: old, new_origin: 5 };
        let mut found = Vec::new();
        references(&bytes, &stretch, &base, &mut found);
        let mut at = 0;
        for reference in found {
            prop_assert!(reference.at >= at);
            at = reference.at + reference.byte_len();
            prop_assert!(at <= bytes.len());
            let mut field = bytes[reference.at..at].to_vec();
            let value = reference.value(&field);
            prop_assert_eq!(value, value.map(|value| reference.set(&mut field, value)));
            prop_assert_eq!(&field, &bytes[reference.at..at]);
        }
    }
}
