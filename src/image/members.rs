//! gzip members and bzip2 streams, one after another, with a bound on those that hold next to nothing:
//! a decoder is set up for each, which takes far longer than to read the few bytes that it takes.

use std::io::{self, BufRead, Read};
use std::marker::PhantomData;

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;

/// A decoder of one member.
pub(super) trait Member<R>: Read {
    /// How many members there may be however little is in them. Empty ones occur as marks: an eStargz
    /// layer ends with one.
    const FREE: u64;
    /// For how many unpacked bytes there may be one member more.
    const BYTES_EACH: u64;

    fn begin(blob: R) -> Self;
    fn into_blob(self) -> R;
}

impl<R: BufRead> Member<R> for GzDecoder<R> {
    const FREE: u64 = 1024;
    /// eStargz makes two of a file, which has a header of 512 bytes and as many of content at least.
    const BYTES_EACH: u64 = 256;

    fn begin(blob: R) -> Self {
        GzDecoder::new(blob)
    }

    fn into_blob(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Member<R> for BzDecoder<R> {
    const FREE: u64 = 16;
    /// Parallel compressors make one of each block, and the smallest block has 100,000 bytes.
    const BYTES_EACH: u64 = 64 << 10;

    fn begin(blob: R) -> Self {
        BzDecoder::new(blob)
    }

    fn into_blob(self) -> R {
        self.into_inner()
    }
}

/// The content of all members of a blob, which must end where the last of them does.
pub(super) struct Members<M, R> {
    /// `None` after the end and after an error.
    member: Option<M>,
    begun: u64,
    unpacked: u64,
    blob: PhantomData<fn() -> R>,
}

impl<M: Member<R>, R: BufRead> Members<M, R> {
    pub(super) fn new(blob: R) -> Self {
        Members { member: Some(M::begin(blob)), begun: 1, unpacked: 0, blob: PhantomData }
    }

    /// Goes on to the next member; returns whether there is one.
    fn next(&mut self) -> io::Result<bool> {
        let Some(member) = self.member.take() else { return Ok(false) };
        let mut blob = member.into_blob();
        if blob.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.begun += 1;
        if self.begun > M::FREE + self.unpacked / M::BYTES_EACH {
            let text =
                format!("its {} compressed parts hold {} bytes only", self.begun, self.unpacked);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.member = Some(M::begin(blob));
        Ok(true)
    }
}

impl<M: Member<R>, R: BufRead> Read for Members<M, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(member) = &mut self.member else { return Ok(0) };
            let read = member.read(buffer)?;
            self.unpacked += read as u64;
            if read > 0 || !self.next()? {
                return Ok(read);
            }
        }
    }
}
