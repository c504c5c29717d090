//! The base: several slices addressed as one stream of bytes.

use std::ops::Range;

use super::tar_entries::tar_entries;

/// The base of a delta: the uncompressed layer tars of the base image, bottom to top, addressed as
/// the one stream that COPY offsets count in.
#[derive(Debug, Clone)]
pub struct Base<'a> {
    slices: Vec<&'a [u8]>,
    /// Where each slice starts in the stream, and at the end the length of the stream.
    starts: Vec<u64>,
    /// Which slices the targets' image has too.
    kept: Vec<bool>,
    /// The paths of slices that are files, or nothing if they are tars.
    paths: Vec<&'a [u8]>,
}

impl<'a> Base<'a> {
    /// A base of `slices`, in this order.
    pub fn new(slices: Vec<&'a [u8]>) -> Self {
        let mut starts = Vec::with_capacity(slices.len() + 1);
        let mut total = 0;
        for slice in &slices {
            starts.push(total);
            total += slice.len() as u64;
        }
        starts.push(total);
        let kept = vec![false; slices.len()];
        Base { slices, starts, kept, paths: Vec::new() }
    }

    /// A base of files, each a path and a content, in this order.
    pub fn of_files(files: &[(&'a [u8], &'a [u8])]) -> Self {
        let base = Base::new(files.iter().map(|(_, content)| *content).collect());
        Base { paths: files.iter().map(|(path, _)| *path).collect(), ..base }
    }

    /// Whether the slices are files, and not tars.
    pub(super) fn is_of_files(&self) -> bool {
        !self.paths.is_empty()
    }

    /// What slice number `index` holds: the path of each file, and where in the slice its content is.
    pub(super) fn contents(
        &self,
        index: usize,
    ) -> Box<dyn Iterator<Item = (Vec<u8>, Range<usize>)> + 'a> {
        let bytes = self.slices[index];
        match self.paths.get(index) {
            Some(path) => Box::new(std::iter::once((path.to_vec(), 0..bytes.len()))),
            None => Box::new(tar_entries(bytes).map(|entry| (entry.path, entry.content))),
        }
    }

    /// Tells that the image the targets belong to has these slices too, as they are: little of the
    /// targets is to be found there, so they are searched for long matches only.
    pub fn keeping(mut self, slices: impl IntoIterator<Item = usize>) -> Self {
        slices.into_iter().for_each(|index| self.kept[index] = true);
        self
    }

    /// Whether the targets' image has slice number `index` too.
    pub(super) fn keeps(&self, index: usize) -> bool {
        self.kept[index]
    }

    /// The length of the stream in bytes.
    pub fn len(&self) -> u64 {
        self.starts[self.slices.len()]
    }

    /// Whether the stream has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The slices, in order.
    pub fn slices(&self) -> &[&'a [u8]] {
        &self.slices
    }

    /// Where slice number `index` starts in the stream.
    pub fn start_of(&self, index: usize) -> u64 {
        self.starts[index]
    }

    /// Returns the slice that holds stream position `offset`, and the place in it.
    pub fn locate(&self, offset: u64) -> Option<(usize, usize)> {
        if offset >= self.len() {
            return None;
        }
        let index = self.starts.partition_point(|&start| start <= offset) - 1;
        Some((index, (offset - self.starts[index]) as usize))
    }

    /// The bytes from `offset` to the end of the slice that holds it; empty at or past the end of
    /// the stream.
    pub fn tail(&self, offset: u64) -> &'a [u8] {
        self.locate(offset).map_or(&[], |(index, place)| &self.slices[index][place..])
    }

    /// The bytes before `offset`, back to the start of the slice that holds the last of them; empty
    /// at the start of the stream and past its end.
    pub fn head(&self, offset: u64) -> &'a [u8] {
        match offset.checked_sub(1).and_then(|last| self.locate(last)) {
            Some((index, place)) => &self.slices[index][..=place],
            None => &[],
        }
    }

    /// The pieces that make up `len` bytes from `offset`, or `None` if the stream does not have so many.
    pub fn pieces(&self, offset: u64, len: u64) -> Option<impl Iterator<Item = &'a [u8]> + '_> {
        let end = offset.checked_add(len).filter(|&end| end <= self.len())?;
        let mut at = offset;
        Some(std::iter::from_fn(move || {
            if at == end {
                return None;
            }
            let tail = self.tail(at);
            let piece = &tail[..tail.len().min((end - at) as usize)];
            at += piece.len() as u64;
            Some(piece)
        }))
    }

    /// How many bytes `new` has changed in what the stream has from `offset` on: 0 if the stream does not have so many.
    pub(crate) fn changes(&self, offset: u64, new: &[u8]) -> u64 {
        let (mut rest, mut changes) = (new, 0);
        for old in self.pieces(offset, new.len() as u64).into_iter().flatten() {
            let (own, behind) = rest.split_at(old.len());
            rest = behind;
            changes += own.iter().zip(old).filter(|(new, old)| new != old).count();
        }
        changes as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cross_slices_and_skip_empty_ones() {
        let base = Base::new(vec![b"", b"abc", b"", b"", b"de", b""]);
        let all = |offset, len| base.pieces(offset, len).map(|p| p.collect::<Vec<_>>().concat());
        assert_eq!(all(0, 5).as_deref(), Some(&b"abcde"[..]));
        assert_eq!(all(2, 2).as_deref(), Some(&b"cd"[..]));
        assert_eq!(all(5, 0).as_deref(), Some(&b""[..]));
        assert_eq!(all(4, 2), None);
        assert_eq!(all(u64::MAX, 1), None);
    }

    #[test]
    fn head_and_tail_meet_at_every_offset() {
        let base = Base::new(vec![b"abc", b"de"]);
        assert_eq!((base.head(0), base.tail(0)), (&b""[..], &b"abc"[..]));
        assert_eq!((base.head(3), base.tail(3)), (&b"abc"[..], &b"de"[..]));
        assert_eq!((base.head(4), base.tail(4)), (&b"d"[..], &b"e"[..]));
        assert_eq!((base.head(5), base.tail(5)), (&b"de"[..], &b""[..]));
        assert_eq!((base.head(6), base.tail(6)), (&b""[..], &b""[..]));
    }
}
