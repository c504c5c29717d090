//! Zip archives for tests, packed as zlib does it.

use flate2::Crc;

use super::Deflater;

/// `content`, deflated with `level`.
pub(crate) fn deflated(content: &[u8], level: u8) -> Vec<u8> {
    let mut deflater = Deflater::new(level).expect("a level");
    let mut packed = Vec::new();
    deflater.write(content, &mut packed).expect("vec");
    deflater.finish(&mut packed).expect("vec");
    packed
}

/// An archive of these members: name, content and level.
pub(crate) fn zip(members: &[(&str, &[u8], u8)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content, level) in members {
        let packed = deflated(content, *level);
        let mut checksum = Crc::new();
        checksum.update(content);
        let sizes = [checksum.sum(), packed.len() as u32, content.len() as u32];
        let head = [20u16, 0, 8, 0, 0x21].map(u16::to_le_bytes).concat();
        let head = [head, sizes.map(u32::to_le_bytes).concat()].concat();
        let offset = (archive.len() as u32).to_le_bytes();
        let lens = [name.len() as u16, 0].map(u16::to_le_bytes).concat();
        archive.extend([b"PK\x03\x04", &head[..], &lens, name.as_bytes(), &packed].concat());
        let rest = [&[0; 10][..], &offset, name.as_bytes()].concat();
        directory.extend([b"PK\x01\x02\x14\x00", &head[..], &lens, &rest].concat());
    }
    let count = members.len() as u16;
    let counts = [0, 0, count, count].map(u16::to_le_bytes).concat();
    let places = [directory.len() as u32, archive.len() as u32].map(u32::to_le_bytes).concat();
    archive.extend([&directory[..], b"PK\x05\x06", &counts, &places, &[0, 0]].concat());
    archive
}
