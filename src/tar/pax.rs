//! Extended headers: `length key=value\n`, over and over (POSIX pax, "pax Extended Header").

use super::error::TarProblem;
use super::mtime::Mtime;
use super::number::decimal;

/// Extended attributes are records with this in front of their names.
const XATTR: &[u8] = b"SCHILY.xattr.";
/// GNU tar's records for sparse files.
const SPARSE: &[u8] = b"GNU.sparse.";

/// What an extended header says about the entry that follows. Of two records with the same key the
/// later one counts, and an empty value says nothing, as in Go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pax<'a> {
    pub(super) path: Option<&'a [u8]>,
    pub(super) link_path: Option<&'a [u8]>,
    pub(super) size: Option<i64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Mtime>,
    /// Names and values of extended attributes, each name once, sorted.
    pub(super) xattrs: Vec<(&'a [u8], &'a [u8])>,
    pub(super) sparse: Option<Box<GnuSparse<'a>>>,
}

/// GNU tar's records about a sparse file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GnuSparse<'a> {
    pub(super) major: Option<&'a [u8]>,
    pub(super) minor: Option<&'a [u8]>,
    pub(super) name: Option<&'a [u8]>,
    pub(super) size: Option<&'a [u8]>,
    pub(super) real_size: Option<&'a [u8]>,
    pub(super) count: Option<&'a [u8]>,
    pub(super) map: Option<&'a [u8]>,
    /// The values of format 0.0's records: offset and length in turn.
    pub(super) offsets_and_lengths: Vec<&'a [u8]>,
}

impl<'a> Pax<'a> {
    /// Reads all records.
    pub(super) fn parse(mut records: &'a [u8]) -> Result<Self, TarProblem> {
        let mut pax = Pax::default();
        while !records.is_empty() {
            let (key, value, rest) = split_record(records).ok_or(TarProblem::Pax)?;
            pax.set(key, value)?;
            records = rest;
        }
        pax.keep_last_xattrs();
        Ok(pax)
    }

    /// Checks the form of all records and takes nothing from them.
    pub(super) fn check(mut records: &'a [u8]) -> Result<(), TarProblem> {
        let mut sparse = GnuSparse::default();
        while !records.is_empty() {
            let (key, value, rest) = split_record(records).ok_or(TarProblem::Pax)?;
            if let Some(key) = key.strip_prefix(SPARSE) {
                sparse.set(key, value)?;
            }
            records = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &'a [u8], value: &'a [u8]) -> Result<(), TarProblem> {
        let text = Some(value).filter(|value| !value.is_empty());
        let number =
            |what| text.map(|text| decimal(text).ok_or(TarProblem::Number(what))).transpose();
        match key {
            b"path" => self.path = text,
            b"linkpath" => self.link_path = text,
            b"size" => self.size = number("size")?,
            b"uid" => self.uid = number("uid")?,
            b"gid" => self.gid = number("gid")?,
            b"mtime" => {
                let time = |text| time(text).ok_or(TarProblem::Number("modification time"));
                self.mtime = text.map(time).transpose()?;
            }
            _ => {
                if let Some(name) = key.strip_prefix(XATTR) {
                    self.xattrs.push((name, value));
                } else if let Some(key) = key.strip_prefix(SPARSE) {
                    self.sparse.get_or_insert_default().set(key, value)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves each extended attribute its last value, and none that is empty.
    fn keep_last_xattrs(&mut self) {
        self.xattrs.reverse();
        self.xattrs.sort_by_key(|&(name, _)| name);
        self.xattrs.dedup_by_key(|&mut (name, _)| name);
        self.xattrs.retain(|(_, value)| !value.is_empty());
    }
}

impl<'a> GnuSparse<'a> {
    fn set(&mut self, key: &[u8], value: &'a [u8]) -> Result<(), TarProblem> {
        let text = Some(value).filter(|value| !value.is_empty());
        match key {
            b"major" => self.major = text,
            b"minor" => self.minor = text,
            b"name" => self.name = text,
            b"size" => self.size = text,
            b"realsize" => self.real_size = text,
            b"numblocks" => self.count = text,
            b"map" => self.map = text,
            b"offset" | b"numbytes" => {
                let in_turn = (self.offsets_and_lengths.len() % 2 == 1) == (key == b"numbytes");
                if !in_turn || value.contains(&b',') {
                    return Err(TarProblem::Pax);
                }
                self.offsets_and_lengths.push(value);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The first record's key and value, and the records after it.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|&byte| byte == b' ')?;
    let len = usize::try_from(decimal(&records[..space])?).ok()?;
    let (record, rest) = records.split_at_checked(len)?;
    let pair = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    let (key, value) = (&pair[..equals], &pair[equals + 1..]);
    is_valid(key, value).then_some((key, value, rest))
}

/// Values that stand for text fields of a header have no NUL; neither has any other key.
fn is_valid(key: &[u8], value: &[u8]) -> bool {
    match key {
        b"" => false,
        b"path" | b"linkpath" | b"uname" | b"gname" => !value.contains(&0),
        key => !key.contains(&0),
    }
}

/// Seconds with an optional fraction; digits past the ninth are cut off. `-1.25` is three quarters
/// of a second after -2.
fn time(text: &[u8]) -> Option<Mtime> {
    let dot = text.iter().position(|&byte| byte == b'.');
    let (whole, fraction) = match dot {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &[][..]),
    };
    let seconds = decimal(whole)?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |place| fraction.get(place).map_or(0, |digit| u32::from(digit - b'0'));
    let nanoseconds = (0..9).fold(0, |value, place| value * 10 + digit(place));
    match whole.starts_with(b"-") && nanoseconds > 0 {
        true => Some(Mtime {
            seconds: seconds.checked_sub(1)?,
            nanoseconds: 1_000_000_000 - nanoseconds,
        }),
        false => Some(Mtime { seconds, nanoseconds }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_record_of_a_key_counts_and_an_empty_one_says_nothing() {
        let path = |records: &'static [u8]| Pax::parse(records).expect("well formed").path;
        assert_eq!(path(b"12 path=a/b\n10 path=c\n8 uid=7\n11 foo=bar\n"), Some(&b"c"[..]));
        assert_eq!(path(b"12 path=a/b\n8 path=\n"), None);
        assert_eq!(path(b"8 path=\n12 path=a/b\n"), Some(&b"a/b"[..]));
        let empty = b"9 mtime=\n7 uid=\n8 size=\n";
        assert_eq!(Pax::parse(empty), Ok(Pax::default()));
    }

    #[test]
    fn values_may_hold_newlines_and_equal_signs() {
        let pax = Pax::parse(b"15 path=a\n=b c\n").expect("well formed");
        assert_eq!(pax.path, Some(&b"a\n=b c"[..]));
    }

    #[test]
    fn malformed_records_are_refused() {
        for records in [
            "x",
            "5 a=b",
            "99 path=a\n",
            "9 path=ab\n",
            "6 =ab\n",
            "2 \n",
            "8 size=x\n",
            "-5 a=b\n",
            "99999999999999999999 path=ab\n",
            "10 path=\0a\n",
            "11 gname=\0a\n",
            "7 a\0b=\n",
            "0 path=ab\n",
            "24 GNU.sparse.numbytes=\n",
            "26 GNU.sparse.offset=1,2\n",
        ] {
            assert!(Pax::parse(records.as_bytes()).is_err(), "{records:?}");
        }
        assert!(Pax::parse(b"9 other=\0\n").is_err(), "a length that is wrong");
        assert!(Pax::parse(b"11 other=\0\n").is_ok(), "values of other keys may have NULs");
    }

    #[test]
    fn each_extended_attribute_has_its_last_value() {
        let pax = Pax::parse(
            b"23 SCHILY.xattr.u.a=12\n23 SCHILY.xattr.u.b=xy\n23 SCHILY.xattr.u.a=34\n\
              21 SCHILY.xattr.u.b=\n",
        );
        assert_eq!(pax.expect("well formed").xattrs, [(&b"u.a"[..], &b"34"[..])]);
    }

    #[test]
    fn times_have_fractions_and_signs() {
        let at = |seconds, nanoseconds| Some(Mtime { seconds, nanoseconds });
        assert_eq!(time(b"1.5"), at(1, 500_000_000));
        assert_eq!(time(b"-1.25"), at(-2, 750_000_000));
        assert_eq!(time(b"-0.5"), at(-1, 500_000_000));
        assert_eq!(time(b"7.1234567899"), at(7, 123_456_789));
        assert_eq!(time(b"7."), at(7, 0));
        for bad in ["", ".", "1.x", "1.123456789x", "--1", "1e3", "1.5.5"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
    }
}
