//! Tars put together block by block.

/// The unit of a tar, in bytes.
const BLOCK: usize = 512;
/// Where the prefix of a ustar header begins.
pub(crate) const PREFIX: usize = 345;
/// Where the size is, and the numbers of owner and group.
pub(crate) const SIZE: usize = 124;
pub(crate) const UID: usize = 108;
pub(crate) const GID: usize = 116;
const CHECKSUM: usize = 148;

/// Which format a header says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Magic {
    V7,
    Ustar,
    Gnu,
    Star,
}

/// A header that is not sealed yet.
#[derive(Debug, Clone)]
pub(crate) struct Header([u8; BLOCK]);

impl Header {
    pub(crate) fn new(magic: Magic, name: &str, flag: u8, size: usize) -> Self {
        let header = Header([0; BLOCK]).with(0, name.as_bytes()).with(156, &[flag]);
        let header = header.with(100, b"0000644").with(UID, b"0000000").with(GID, b"0000000");
        let header = header.with(136, b"13727435000");
        let header = header.with(SIZE, format!("{size:011o}").as_bytes());
        match magic {
            Magic::V7 => header,
            Magic::Ustar => header.with(257, b"ustar\x0000"),
            Magic::Gnu => header.with(257, b"ustar  \0"),
            Magic::Star => {
                let times = b"00000000001\x0000000000002\0";
                header.with(257, b"ustar\x0000").with(476, times).with(508, b"tar\0")
            }
        }
    }

    pub(crate) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// A number in base 256.
    pub(crate) fn with_base_256(self, at: usize, len: usize, number: u64) -> Self {
        let mut field = vec![0; len - 8];
        field.extend_from_slice(&number.to_be_bytes());
        if len == 8 {
            assert!(field[0] == 0, "a number that fits");
        }
        field[0] |= 0x80;
        self.with(at, &field)
    }

    /// The header with its checksum, over bytes taken as unsigned or as signed.
    pub(crate) fn sealed(mut self, signed: bool) -> Vec<u8> {
        self.0[CHECKSUM..CHECKSUM + 8].fill(b' ');
        let sum: i64 = match signed {
            true => self.0.iter().map(|&byte| i64::from(byte as i8)).sum(),
            false => self.0.iter().map(|&byte| i64::from(byte)).sum(),
        };
        self.with(CHECKSUM, format!("{sum:06o}\0 ").as_bytes()).0.to_vec()
    }
}

/// Bytes padded to whole blocks.
pub(crate) fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

/// A header and what is stored after it.
pub(crate) fn entry(header: Header, content: &[u8]) -> Vec<u8> {
    [header.sealed(false), padded(content)].concat()
}

/// A plain file.
pub(crate) fn file(name: &str, content: &[u8]) -> Vec<u8> {
    entry(Header::new(Magic::Ustar, name, b'0', content.len()), content)
}

/// GNU's long name (`L`) or long link name (`K`) for the next entry.
pub(crate) fn long(flag: u8, text: &[u8]) -> Vec<u8> {
    entry(Header::new(Magic::Gnu, "././@LongLink", flag, text.len()), text)
}

/// An extended header with these records, for the next entry (`x`) or for all (`g`).
pub(crate) fn pax(flag: u8, records: &[(&str, &str)]) -> Vec<u8> {
    let records: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
    entry(Header::new(Magic::Ustar, "PaxHeaders/x", flag, records.len()), &records)
}

/// A record, which begins with its own length.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let len = (rest..).find(|len| *len == len.to_string().len() + rest).expect("converges");
    format!("{len} {key}={value}\n").into_bytes()
}

/// Joins the parts and adds the end mark.
pub(crate) fn archive(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), vec![0; 2 * BLOCK]].concat()
}
