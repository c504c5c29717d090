//! Layers with anything in them.

const BLOCK: usize = 512;

/// Who owns an entry, its mode and its time, as a header has them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Has {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

pub(super) const FILE: Has = Has { mode: 0o644, uid: 0, gid: 0 };
pub(super) const FOLDER: Has = Has { mode: 0o755, uid: 0, gid: 0 };

/// A layer under construction. Names may be any bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    tar: Vec<u8>,
    /// Records for the next entry.
    records: Vec<u8>,
    device: (u32, u32),
    /// Without its end mark.
    is_cut: bool,
}

pub(super) fn layer() -> Layer {
    Layer::default()
}

impl Layer {
    pub(super) fn tar(&self) -> Vec<u8> {
        let end: &[u8] = if self.is_cut { &[] } else { &[0; 2 * BLOCK] };
        [&self.tar[..], end].concat()
    }

    /// The same layer without its end mark.
    pub(super) fn cut(self) -> Self {
        Layer { is_cut: true, ..self }
    }

    pub(super) fn file(self, name: &str, content: &str) -> Self {
        self.entry(b'0', name.as_bytes(), b"", content.as_bytes(), FILE)
    }

    pub(super) fn file_of(self, name: &str, content: &[u8], has: Has) -> Self {
        self.entry(b'0', name.as_bytes(), b"", content, has)
    }

    pub(super) fn dir(self, name: &str) -> Self {
        self.entry(b'5', name.as_bytes(), b"", b"", FOLDER)
    }

    pub(super) fn dir_of(self, name: &str, has: Has) -> Self {
        self.entry(b'5', name.as_bytes(), b"", b"", has)
    }

    pub(super) fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(b'2', name.as_bytes(), target.as_bytes(), b"", FILE)
    }

    pub(super) fn link(self, name: &str, target: &str) -> Self {
        self.entry(b'1', name.as_bytes(), target.as_bytes(), b"", FILE)
    }

    /// A device (`3`, `4`) or a pipe (`6`).
    pub(super) fn node(mut self, flag: u8, name: &str, device: (u32, u32)) -> Self {
        self.device = device;
        self.entry(flag, name.as_bytes(), b"", b"", FILE)
    }

    /// A record about the next entry.
    pub(super) fn pax(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        let rest = key.len() + value.len() + 3;
        let len = (rest..).find(|len| *len == len.to_string().len() + rest).expect("converges");
        self.records.extend([format!("{len} {key}=").as_bytes(), value, b"\n"].concat());
        self
    }

    pub(super) fn xattr(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.pax(&format!("SCHILY.xattr.{name}"), value)
    }

    /// Any bytes.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.tar.extend_from_slice(bytes);
        self
    }

    /// An entry, with long names in an extended header.
    pub(super) fn entry(
        mut self,
        flag: u8,
        name: &[u8],
        link: &[u8],
        content: &[u8],
        has: Has,
    ) -> Self {
        if name.len() > 99 {
            self = self.pax("path", name);
        }
        if link.len() > 99 {
            self = self.pax("linkpath", link);
        }
        let records = std::mem::take(&mut self.records);
        if !records.is_empty() {
            self.block(b'x', b"pax", b"", &records, FILE);
        }
        let short = |name: &[u8]| name[..name.len().min(99)].to_vec();
        self.block(flag, &short(name), &short(link), content, has);
        self.device = (0, 0);
        self
    }

    fn block(&mut self, flag: u8, name: &[u8], link: &[u8], content: &[u8], has: Has) {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link);
        header.as_old_mut().linkflag = [flag];
        header.set_size(content.len() as u64);
        header.set_mode(has.mode);
        header.set_uid(has.uid.into());
        header.set_gid(has.gid.into());
        header.set_mtime(1_600_000_000);
        header.set_device_major(self.device.0).expect("ustar");
        header.set_device_minor(self.device.1).expect("ustar");
        header.set_cksum();
        self.tar.extend_from_slice(header.as_bytes());
        self.tar.extend_from_slice(content);
        self.tar.resize(self.tar.len().next_multiple_of(BLOCK), 0);
    }
}
