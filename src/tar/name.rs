//! The name of an entry.

/// A name as a header has it: a prefix, which is often empty, and the rest, with a slash between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    prefix: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Name<'a> {
    pub(super) fn new(prefix: &'a [u8], rest: &'a [u8]) -> Self {
        Name { prefix, rest }
    }

    pub(super) fn whole(name: &'a [u8]) -> Self {
        Name::new(b"", name)
    }

    /// The two parts. A slash belongs between them, unless the first one is empty.
    pub fn parts(&self) -> [&'a [u8]; 2] {
        [self.prefix, self.rest]
    }

    /// The name in one piece.
    pub fn to_vec(&self) -> Vec<u8> {
        match self.prefix {
            b"" => self.rest.to_vec(),
            prefix => [prefix, b"/", self.rest].concat(),
        }
    }

    pub(super) fn ends_with_slash(&self) -> bool {
        self.rest.ends_with(b"/") || (self.rest.is_empty() && !self.prefix.is_empty())
    }
}
