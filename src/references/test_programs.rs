//! Small programs to test with: ELF files whose functions call each other and whose tables name them.

use super::arm_immediate::ArmImmediate;

/// The bytes of a function that are no reference.
const BODY: usize = 40;
/// The bytes of code that has references.
const REFERENCES: usize = 20;
/// The address of the first section, and its place in the file.
const FIRST: u64 = 0x1000;
/// How much higher data is loaded than code.
const DATA_SHIFT: u64 = 0x1000;
/// How far tables are behind code: numbers that are too small are no references.
const TABLES_AFTER: u64 = 0x1000;

/// A section: name, type, flags, bytes that the file does not have.
const SECTIONS: [(&str, u32, u64, u64); 5] = [
    (".text", 1, 6, 0),
    (".eh_frame_hdr", 1, 2, 0),
    (".eh_frame", 1, 2, 0),
    (".data", 1, 3, 0),
    (".bss", 8, 3, 0x2000),
];

/// A processor that programs here are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processor {
    X86,
    AArch64,
    Arm,
    Thumb,
}

impl Processor {
    /// All that code is known for.
    pub(crate) const ALL: [Processor; 4] =
        [Processor::X86, Processor::AArch64, Processor::Arm, Processor::Thumb];

    /// What an ELF file calls it.
    fn number(self) -> u8 {
        match self {
            Processor::X86 => 62,
            Processor::AArch64 => 183,
            Processor::Arm | Processor::Thumb => 40,
        }
    }

    /// Bytes of an address.
    fn word(self) -> usize {
        match self {
            Processor::X86 | Processor::AArch64 => 8,
            Processor::Arm | Processor::Thumb => 4,
        }
    }

    /// The lowest bytes of `number`, as many as an address has.
    fn bytes(self, number: u64) -> Vec<u8> {
        number.to_le_bytes()[..self.word()].to_vec()
    }

    /// Code at `own` that calls `called`, jumps to `near` and takes the address `data`.
    fn references(self, own: u64, called: u64, near: u64, data: u64) -> Vec<u8> {
        match self {
            Processor::X86 => x86_references(own, called, near, data),
            Processor::AArch64 => aarch64_references(own, called, near, data),
            Processor::Arm => arm_references(own, called, near, data),
            Processor::Thumb => thumb_references(own, called, near, data),
        }
    }
}

fn relative(to: u64, from: u64) -> [u8; 4] {
    (to.wrapping_sub(from) as u32).to_le_bytes()
}

fn x86_references(own: u64, called: u64, near: u64, data: u64) -> Vec<u8> {
    let call = [&[0xe8][..], &relative(called, own + 5)].concat();
    let jump = [&[0x0f, 0x84][..], &relative(near, own + 11)].concat();
    let address = [&[0x48, 0x8d, 0x05][..], &relative(data, own + 18)].concat();
    [call, jump, address, vec![0x90; 2]].concat()
}

fn aarch64_references(own: u64, called: u64, near: u64, data: u64) -> Vec<u8> {
    let words = |to: u64, own: u64| (to.wrapping_sub(own) >> 2) as u32;
    let pages = ((data >> 12) - (own >> 12)) as u32;
    let call = 0x9400_0000 | words(called, own) & 0x03ff_ffff;
    let jump = 0xb400_0001 | (words(near, own + 4) & 0x7_ffff) << 5;
    let page = 0x9000_0000 | (pages & 3) << 29 | pages >> 2 << 5;
    let low = 0x9100_0000 | ((data & 0xfff) as u32) << 10;
    let test = 0x3600_0001 | (words(near, own + 16) & 0x3fff) << 5;
    [call, jump, page, low, test].into_iter().flat_map(u32::to_le_bytes).collect()
}

fn arm_references(own: u64, called: u64, near: u64, data: u64) -> Vec<u8> {
    let jump = |to: u64, own: u64| (to.wrapping_sub(own + 8) >> 2) as u32 & 0x00ff_ffff;
    let half = |half: u32| (half & 0xf000) << 4 | half & 0xfff;
    let from_counter = data.wrapping_sub(own + 24) as u32;
    let (call, branch) = (0xeb00_0000 | jump(called, own), 0x0a00_0000 | jump(near, own + 4));
    let low = 0xe300_0000 | half(from_counter & 0xffff);
    let high = 0xe340_0000 | half(from_counter >> 16);
    [call, branch, low, high, 0xe08f_0000].into_iter().flat_map(u32::to_le_bytes).collect()
}

fn thumb_references(own: u64, called: u64, near: u64, data: u64) -> Vec<u8> {
    let long = |word: u32, to: u64, own: u64| {
        let value = to.wrapping_sub(own + 4) >> 1;
        ArmImmediate::of_thumb(word).map_or(0, |jump| jump.put(word, value)).rotate_left(16)
    };
    let call = long(0xf000_f800, called, own).to_le_bytes();
    // A literal is loaded, and the counter added.
    let load = [0x01, 0x4b, 0x7b, 0x44];
    let branch = long(0xf000_8000, near, own + 8).to_le_bytes();
    let literal = (data.wrapping_sub(own + 10) as u32).to_le_bytes();
    let jump = long(0xf000_b800, near, own + 16).to_le_bytes();
    [call, load, branch, literal, jump].concat()
}

/// A program of `functions` for x86-64, told apart by what their bodies are made from. Each calls and jumps to some others, whichever
/// they are, and all are in tables.
pub(crate) fn program(functions: &[u8]) -> Vec<u8> {
    program_for(Processor::X86, functions)
}

/// Such a program for `processor`.
pub(crate) fn program_for(processor: Processor, functions: &[u8]) -> Vec<u8> {
    let (file, places, ends, _) = loaded(processor, functions);
    finish(processor, file, places, ends, None)
}

/// Such a program with a table of symbols.
pub(crate) fn program_with_symbols(processor: Processor, functions: &[u8]) -> Vec<u8> {
    let (mut file, places, ends, starts) = loaded(processor, functions);
    let (word, symbols, mut names) = (processor.word(), file.len() as u64, vec![0]);
    for (function, start) in functions.iter().zip(starts) {
        let entry = file.len();
        file.extend((names.len() as u32).to_le_bytes());
        file.resize(entry + word, 2);
        file.extend(processor.bytes(start));
        file.resize(entry + 8 + 2 * word, 0);
        names.extend(format!("function{function}\0").into_bytes());
    }
    let strings = file.len() as u64;
    file.extend(names);
    file.resize(file.len().next_multiple_of(8), 0);
    finish(processor, file, places, ends, Some([symbols, strings]))
}

/// What is loaded of such a program: with where each section starts and ends, and where each function starts.
fn loaded(processor: Processor, functions: &[u8]) -> (Vec<u8>, [u64; 5], [u64; 5], Vec<u64>) {
    let function_len = BODY + REFERENCES;
    let starts: Vec<u64> =
        (0..functions.len()).map(|index| FIRST + (index * function_len) as u64).collect();
    let address_of = |function: u8| {
        let index = functions.iter().position(|known| *known == function).unwrap_or(0);
        starts[index]
    };
    let text_end = FIRST + (functions.len() * function_len) as u64;
    let header_table = (text_end + TABLES_AFTER).next_multiple_of(8);
    let frames = header_table + 4 * functions.len().next_multiple_of(2) as u64;
    let data_place = frames + 4 * functions.len().next_multiple_of(2) as u64;
    let data = data_place + DATA_SHIFT;

    let mut file = vec![0; FIRST as usize];
    for &function in functions {
        let near = |distance: u8| address_of(function.wrapping_add(distance));
        let body =
            (0..BODY as u32).map(|at| (((u32::from(function) + 3) * (at + 7)) >> 3) as u8 | 0x40);
        file.extend(body);
        let own = file.len() as u64;
        let named = data + 8 * u64::from(function % 5);
        file.extend(processor.references(own, near(2), near(1), named));
    }
    file.resize(header_table as usize, 0);
    starts.iter().for_each(|start| file.extend(relative(*start, header_table)));
    file.resize(frames as usize, 0);
    starts.iter().for_each(|start| file.extend(relative(*start, file.len() as u64)));
    file.resize(data_place as usize, 0);
    starts.iter().for_each(|start| file.extend(processor.bytes(*start)));
    let places = [FIRST, header_table, frames, data_place, file.len() as u64];
    let ends = [text_end, frames, data_place, file.len() as u64, file.len() as u64];
    (file, places, ends, starts)
}

/// Adds names and section headers. `symbols` says where symbols and their names start, if there are any.
fn finish(
    processor: Processor,
    mut file: Vec<u8>,
    places: [u64; 5],
    ends: [u64; 5],
    symbols: Option<[u64; 2]>,
) -> Vec<u8> {
    let names = file.len() as u64;
    let mut name_places = Vec::new();
    for (name, ..) in SECTIONS {
        name_places.push((file.len() as u64 - names) as u32);
        file.extend(name.as_bytes());
        file.push(0);
    }
    file.resize(file.len().next_multiple_of(8), 0);
    let table = file.len() as u64;
    for (index, (_, form, flags, beyond)) in SECTIONS.into_iter().enumerate() {
        let shift = if flags & 1 == 0 { 0 } else { DATA_SHIFT };
        let (place, len) = (places[index], ends[index] - places[index] + beyond);
        let numbers = [flags, places[index] + shift, place, len];
        section(processor, &mut file, [name_places[index], form, 0], numbers);
    }
    section(processor, &mut file, [0, 3, 0], [0, 0, names, table - names]);
    let mut count = SECTIONS.len() + 1;
    if let Some([symbols, strings]) = symbols {
        let link = count as u32 + 1;
        section(processor, &mut file, [0, 2, link], [0, 0, symbols, strings - symbols]);
        section(processor, &mut file, [0, 3, 0], [0, 0, strings, names - strings]);
        count += 2;
    }
    let word = processor.word();
    let mut head = vec![0x7f, b'E', b'L', b'F', word as u8 / 4, 1, 1];
    head.resize(16, 0);
    head.extend([3, 0, processor.number(), 0, 1, 0, 0, 0]);
    head.resize(24 + 2 * word, 0);
    head.extend(processor.bytes(table));
    head.resize(34 + 3 * word, 0);
    [16 + 6 * word, count, SECTIONS.len()]
        .into_iter()
        .for_each(|number| head.extend((number as u16).to_le_bytes()));
    file[..head.len()].copy_from_slice(&head);
    file
}

/// Adds a section's header: name, type and the section it belongs to, then flags, address, place and length.
fn section(
    processor: Processor,
    file: &mut Vec<u8>,
    [name, form, link]: [u32; 3],
    numbers: [u64; 4],
) {
    let end = file.len() + 16 + 6 * processor.word();
    file.extend(name.to_le_bytes());
    file.extend(form.to_le_bytes());
    numbers.iter().for_each(|number| file.extend(processor.bytes(*number)));
    file.extend(link.to_le_bytes());
    file.resize(end, 0);
}
