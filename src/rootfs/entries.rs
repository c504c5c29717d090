//! The entries of one layer: headers joined with the extended headers and long names before them.

use super::error::{Problem, RootfsError, shown};
use super::header::{BLOCK, Header};
use super::pax::Pax;
use super::tree::{Attributes, Device, Mtime};

/// The longest extended header or long name, in bytes: what Go's archive/tar takes, and so the
/// most that an engine could have read.
pub(super) const MAX_SPECIAL: usize = 1 << 20;

/// One entry of a layer.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// Byte offset of the header in the layer.
    pub(super) offset: usize,
    /// The name, in parts to be joined with slashes.
    pub(super) path: [&'a [u8]; 2],
    pub(super) body: Body<'a>,
    pub(super) attributes: Attributes,
    /// Overlay's own mark: what lies below this directory is hidden.
    pub(super) opaque: bool,
    /// Whether the entry has extended attributes.
    pub(super) xattrs: bool,
}

/// What kind of entry it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Body<'a> {
    Directory,
    File(&'a [u8]),
    Symlink(&'a [u8]),
    HardLink(&'a [u8]),
    CharDevice(Device),
    BlockDevice(Device),
    Fifo,
}

/// Iterates over the entries of a layer, in order. After an error it ends.
pub(super) struct Entries<'a> {
    /// Number of the layer, counted from 1, for errors.
    layer: usize,
    tar: &'a [u8],
    position: usize,
    long_name: Option<&'a [u8]>,
    long_link: Option<&'a [u8]>,
    pax: Pax<'a>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(layer: usize, tar: &'a [u8]) -> Self {
        let pax = Pax::default();
        Entries { layer, tar, position: 0, long_name: None, long_link: None, pax }
    }

    /// The next header and its offset, or `None` at the end of the archive.
    fn header(&mut self) -> Result<Option<(usize, Header<'a>)>, Problem> {
        let offset = self.position;
        let rest = self.tar.get(offset..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let block = rest.get(..BLOCK).ok_or(Problem::Truncated)?;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        self.position += BLOCK;
        Ok(Some((offset, Header::new(block)?)))
    }

    /// Takes the `size` bytes that follow the header.
    fn content(&mut self, size: i64) -> Result<&'a [u8], Problem> {
        let size = usize::try_from(size).map_err(|_| Problem::Number("size"))?;
        let end = self.position.checked_add(size).ok_or(Problem::Number("size"))?;
        let content = self.tar.get(self.position..end).ok_or(Problem::Truncated)?;
        self.position = end.next_multiple_of(BLOCK);
        Ok(content)
    }

    fn special(&mut self, header: Header<'a>) -> Result<&'a [u8], Problem> {
        let size = header.size()?;
        match size > MAX_SPECIAL as i64 {
            true => Err(Problem::SpecialTooLong),
            false => self.content(size),
        }
    }

    fn next_entry(&mut self) -> Result<Option<Entry<'a>>, Problem> {
        while let Some((offset, header)) = self.header()? {
            match header.type_flag() {
                b'L' => self.long_name = Some(until_nul(self.special(header)?)),
                b'K' => self.long_link = Some(until_nul(self.special(header)?)),
                b'x' => self.pax = Pax::parse(self.special(header)?)?,
                // Global headers change nothing that engines look at.
                b'g' => drop(self.special(header)?),
                _ => return self.entry(offset, header).map(Some),
            }
        }
        Ok(None)
    }

    /// Joins `header` with what the special headers before it said.
    fn entry(&mut self, offset: usize, header: Header<'a>) -> Result<Entry<'a>, Problem> {
        let pax = std::mem::take(&mut self.pax);
        let link_name =
            self.long_link.take().or(pax.link_path).unwrap_or_else(|| header.link_name());
        let path = match self.long_name.take().or(pax.path) {
            Some(path) => [b"", path],
            None => header.name(),
        };
        if pax.sparse {
            return Err(Problem::Sparse(shown(path[1])));
        }
        let body = match header.type_flag() {
            0 if path[1].ends_with(b"/") => Body::Directory,
            b'0' | 0 => Body::File(self.content(pax.size.map_or_else(|| header.size(), Ok)?)?),
            b'1' => Body::HardLink(link_name),
            b'2' => Body::Symlink(link_name),
            b'3' => Body::CharDevice(device(header)?),
            b'4' => Body::BlockDevice(device(header)?),
            b'5' => Body::Directory,
            b'6' => Body::Fifo,
            b'S' => return Err(Problem::Sparse(shown(path[1]))),
            flag => {
                let flag = char::from(flag);
                return Err(Problem::UnknownType { path: shown(path[1]), flag });
            }
        };
        let attributes = attributes(header, &pax)?;
        Ok(Entry { offset, path, body, attributes, opaque: pax.opaque, xattrs: pax.xattrs })
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, RootfsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.position;
        self.next_entry().transpose().map(|entry| {
            entry.map_err(|problem| {
                self.position = self.tar.len();
                RootfsError { layer: self.layer, offset: start, problem }
            })
        })
    }
}

fn attributes(header: Header<'_>, pax: &Pax<'_>) -> Result<Attributes, Problem> {
    let id = |value: i64, what| u32::try_from(value).map_err(|_| Problem::Number(what));
    let mtime = match pax.mtime {
        Some(mtime) => mtime,
        None => Mtime { seconds: header.mtime()?, nanoseconds: 0 },
    };
    Ok(Attributes {
        mode: (header.mode()? & 0o7777) as u16,
        uid: id(pax.uid.map_or_else(|| header.uid(), Ok)?, "uid")?,
        gid: id(pax.gid.map_or_else(|| header.gid(), Ok)?, "gid")?,
        mtime,
    })
}

/// Linux has 12 bits for major and 20 bits for minor device numbers.
fn device(header: Header<'_>) -> Result<Device, Problem> {
    let (major, minor) = header.device()?;
    let within =
        |value: i64, bits: u32| u32::try_from(value).ok().filter(|value| value >> bits == 0);
    within(major, 12)
        .zip(within(minor, 20))
        .map(|(major, minor)| Device { major, minor })
        .ok_or(Problem::Number("device number"))
}

fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}
