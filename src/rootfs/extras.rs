//! What few inodes have: extended attributes, and holes.

use crate::tar::SparseMap;

/// An extended attribute: its name and its value, both slices of a layer.
pub type Xattr<'a> = (&'a [u8], &'a [u8]);

/// Extended attributes and holes of an inode. Most have neither, and then a pointer is all that it takes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extras<'a>(Option<Box<Parts<'a>>>);

#[derive(Debug, Clone)]
struct Parts<'a> {
    xattrs: Vec<Xattr<'a>>,
    holes: Option<&'a SparseMap>,
}

impl<'a> Extras<'a> {
    pub(super) fn new(xattrs: Vec<Xattr<'a>>, holes: Option<&'a SparseMap>) -> Self {
        let is_plain = xattrs.is_empty() && holes.is_none();
        Extras((!is_plain).then(|| Box::new(Parts { xattrs, holes })))
    }

    pub(super) fn xattrs(&self) -> &[Xattr<'a>] {
        self.0.as_ref().map_or(&[], |parts| &parts.xattrs)
    }

    pub(super) fn holes(&self) -> Option<&'a SparseMap> {
        self.0.as_ref()?.holes
    }
}
