//! What must hold of instructions: those that the processors' manuals have name what the manuals say.

use super::{Kind, Region, Side, Stretch, references};

#[test]
fn what_an_instruction_for_aarch64_names_is_told_by_its_bits() {
    let own = 0x41_0000;
    let cases: [(&str, u32, u64); 9] = [
        ("bl", 0x9400_0010, own + 0x40),
        ("b", 0x17ff_ffff, own - 4),
        ("b.ne", 0x5400_0041, own + 8),
        ("cbz", 0xb4ff_ffe0, own - 4),
        ("tbnz", 0x3707_ffe3, own - 4),
        ("ldr of a literal", 0x5800_0100, own + 0x20),
        ("adr", 0x3000_0060, own + 13),
        ("adrp and add", 0xb000_0001, own + 0x1234),
        ("adrp and ldr", 0x9000_0001, own + 0x8d0),
    ];
    let stretch = Stretch {
        old: own,
        new: own,
        len: 16,
        kind: Kind::AArch64,
        old_origin: own,
        new_origin: own,
    };
    let base = Side {
        regions: vec![Region { start: 0, len: 16, address: 0x1000, kind: Kind::AArch64 }],
        limit: 0x100_0000,
    };
    let mut found = Vec::new();
    for (name, word, named) in cases {
        let low: u32 = if name.ends_with("ldr") { 0xf944_6822 } else { 0x9108_d021 };
        let code = [word, 0xd503_201f, low].map(u32::to_le_bytes).concat();
        references(&code, &stretch, &base, &mut found);
        let old: Vec<u64> = found.iter().map(|reference| reference.old).collect();
        let is_page = name.starts_with("adrp");
        assert_eq!(old, vec![named; if is_page { 2 } else { 1 }], "{name}");
    }
}

#[test]
fn what_instructions_for_arm_name_is_told_by_their_bits() {
    let own = 0x41_0000;
    // Words, for Thumb with the first halfword as the high one.
    let cases: [(&str, Kind, &[u32], u64, usize); 12] = [
        ("bl", Kind::Arm, &[0xebff_fffe], own, 1),
        ("beq", Kind::Arm, &[0x0a00_0000], own + 8, 1),
        ("movw and movt", Kind::Arm, &[0xe301_0234, 0xe340_0041], 0x41_1234, 2),
        ("halves counted", Kind::Arm, &[0xe301_0234, 0xe340_0000, 0xe08f_0000], own + 0x1244, 2),
        ("ldr of a literal", Kind::Arm, &[0xe51f_0000, 0xe59f_0000, 0, 0x41_0003], 0x41_0003, 1),
        ("bl", Kind::Thumb, &[0xf7ff_fffe], own, 1),
        ("blx", Kind::Thumb, &[0xf000_e802], own + 8, 1),
        ("b.w", Kind::Thumb, &[0xf000_b800], own + 4, 1),
        ("beq.w", Kind::Thumb, &[0xf43f_af80], own - 0xfc, 1),
        ("movw and movt", Kind::Thumb, &[0xf241_2034, 0xf2c0_0041], 0x41_1234, 2),
        ("b and beq", Kind::Thumb, &[0xe7fe_d0fd], own, 2),
        ("ldr, and add of pc", Kind::Thumb, &[0x4b00_447b, 0x0006_0041], 0x82_000c, 1),
    ];
    let stretch =
        |kind| Stretch { old: own, new: own, len: 16, kind, old_origin: own, new_origin: own };
    let region = Region { start: 0, len: 16, address: 0x1000, kind: Kind::Plain };
    let base = Side { regions: vec![region], limit: 0x100_0000 };
    let mut found = Vec::new();
    for (name, kind, words, named, count) in cases {
        let bytes = |word: &u32| match kind {
            Kind::Thumb => word.rotate_left(16).to_le_bytes(),
            _ => word.to_le_bytes(),
        };
        let code: Vec<u8> = words.iter().flat_map(bytes).collect();
        references(&code, &stretch(kind), &base, &mut found);
        let old: Vec<u64> = found.iter().map(|reference| reference.old).collect();
        assert_eq!(old, vec![named; count], "{name} of {kind:?}");
    }
}
