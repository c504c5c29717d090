//! A recipe's bytes, written and read. Pure.

use std::io::{self, BufReader, Read, Write};

use super::super::object_id::ObjectId;
use crate::image::Digest;

/// How a recipe's file begins; the digit is the version.
const MAGIC: [u8; 8] = *b"RmRecip1";
/// Objects and pieces that one recipe may name: more than the entries that an image may have.
pub(crate) const MAX_OBJECTS: usize = 4_000_000;
/// Bytes that no layer has.
const MAX_LEN: u64 = 1 << 50;
/// The number of an object that is none.
const NO_OBJECT: u32 = u32::MAX;
/// What a fast host spends on headers, which repeat themselves.
const LEVEL: i32 = 3;
/// Bytes of memory that unpacking a recipe may take, as a power of two.
const WINDOW_LOG_MAX: u32 = 23;

/// What a layer is put together from, but for the bytes that stand in the recipe itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Length of the layer's tar.
    pub(super) size: u64,
    pub(super) objects: Vec<Object>,
    pub(super) pieces: Vec<Piece>,
}

/// A file of the store that the layer's bytes are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) id: ObjectId,
    pub(super) len: u64,
}

/// A stretch of the layer: bytes of the recipe's own, then a whole object unless there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where the stretch begins in the layer.
    pub(super) start: u64,
    /// Where its own bytes begin among all of the recipe's own.
    pub(super) own_start: u64,
    pub(super) own_len: u64,
    /// The number of the object that follows.
    pub(super) object: Option<u32>,
}

impl Parts {
    /// Adds a stretch at the end.
    pub(super) fn push(&mut self, own_len: u64, object: Option<u32>) {
        let own_start = self.pieces.last().map_or(0, |last| last.own_start + last.own_len);
        self.pieces.push(Piece { start: self.size, own_start, own_len, object });
        self.size += own_len + object.map_or(0, |object| self.objects[object as usize].len);
    }

    /// Bytes that stand in the recipe itself.
    pub(super) fn own_len(&self) -> u64 {
        self.pieces.last().map_or(0, |last| last.own_start + last.own_len)
    }
}

/// Writes a recipe, whose own bytes `write_own` writes.
pub(super) fn write(
    parts: &Parts,
    out: impl Write,
    write_own: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    out.write_all(&MAGIC)?;
    out.write_all(&parts.size.to_le_bytes())?;
    let mut coded = zstd::Encoder::new(out, LEVEL)?;
    coded.include_checksum(true)?;
    coded.write_all(&(parts.objects.len() as u32).to_le_bytes())?;
    for Object { id, len } in &parts.objects {
        coded.write_all(id.content.as_bytes())?;
        coded.write_all(id.metadata.as_bytes())?;
        coded.write_all(&len.to_le_bytes())?;
    }
    coded.write_all(&(parts.pieces.len() as u32).to_le_bytes())?;
    for piece in &parts.pieces {
        coded.write_all(&piece.own_len.to_le_bytes())?;
        coded.write_all(&piece.object.unwrap_or(NO_OBJECT).to_le_bytes())?;
    }
    write_own(&mut coded)?;
    coded.finish()?.flush()
}

/// The length of the layer whose recipe begins with `head`; `None` if this is no recipe.
pub(super) fn read_size(mut head: impl Read) -> io::Result<u64> {
    if array(&mut head)? != MAGIC {
        return Err(broken("it begins as no recipe does"));
    }
    length(&mut head)
}

/// A length of a layer or of a part of one.
fn length(from: &mut impl Read) -> io::Result<u64> {
    match u64::from_le_bytes(array(from)?) {
        len @ ..=MAX_LEN => Ok(len),
        _ => Err(broken("it names a length that nothing has")),
    }
}

/// Reads a recipe, and writes its own bytes to `own`, if there `is_room` for so many.
pub(super) fn read(
    mut file: impl Read,
    own: &mut impl Write,
    is_room: impl FnOnce(u64) -> io::Result<()>,
) -> io::Result<Parts> {
    let size = read_size(&mut file)?;
    let mut coded = decoder(file)?;
    let mut parts = Parts { objects: objects(&mut coded)?, ..Parts::default() };
    for _ in 0..count(&mut coded)? {
        let own_len = length(&mut coded)?;
        let object = match u32::from_le_bytes(array(&mut coded)?) {
            NO_OBJECT => None,
            number => Some(number),
        };
        add(&mut parts, own_len, object, size)?;
    }
    if parts.size != size {
        return Err(broken("its pieces are not as long as its layer"));
    }
    let own_len = parts.own_len();
    is_room(own_len)?;
    if io::copy(&mut coded.by_ref().take(own_len), own)? != own_len {
        return Err(broken("it ends early"));
    }
    // The checksum comes behind the last byte.
    if coded.read(&mut [0])? != 0 {
        return Err(broken("it has more bytes than its pieces"));
    }
    Ok(parts)
}

/// Reads the objects that a recipe names, and nothing after them.
pub(super) fn read_objects(mut file: impl Read) -> io::Result<Vec<Object>> {
    read_size(&mut file)?;
    objects(&mut decoder(file)?)
}

fn decoder<R: Read>(file: R) -> io::Result<impl Read> {
    let mut coded = zstd::Decoder::new(file)?;
    coded.window_log_max(WINDOW_LOG_MAX)?;
    Ok(BufReader::new(coded))
}

fn objects(coded: &mut impl Read) -> io::Result<Vec<Object>> {
    let mut objects = Vec::new();
    for _ in 0..count(coded)? {
        let content = Digest::from_bytes(array(coded)?);
        let metadata = Digest::from_bytes(array(coded)?);
        let len = length(coded)?;
        objects.push(Object { id: ObjectId { content, metadata }, len });
    }
    Ok(objects)
}

/// Adds a piece that was read, if it stays within the layer of `size` bytes.
fn add(parts: &mut Parts, own_len: u64, object: Option<u32>, size: u64) -> io::Result<()> {
    let object_len = match object {
        Some(number) => match parts.objects.get(number as usize) {
            Some(object) => object.len,
            None => return Err(broken("it names an object that it does not list")),
        },
        None => 0,
    };
    let end = parts.size.checked_add(own_len).and_then(|end| end.checked_add(object_len));
    if end.is_none_or(|end| end > size) {
        return Err(broken("its pieces are longer than its layer"));
    }
    parts.push(own_len, object);
    Ok(())
}

fn count(input: &mut impl Read) -> io::Result<usize> {
    let count = u32::from_le_bytes(array(input)?) as usize;
    if count > MAX_OBJECTS { Err(broken("it has too many pieces")) } else { Ok(count) }
}

fn array<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn broken(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
