//! PAX extended headers: `length key=value\n`, over and over (POSIX pax, "Extended Header").

use super::error::Problem;
use super::tree::Mtime;

/// What the records of an extended header say about the entry that follows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pax<'a> {
    pub(super) path: Option<&'a [u8]>,
    pub(super) link_path: Option<&'a [u8]>,
    pub(super) size: Option<i64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Mtime>,
    /// GNU's records for files with holes.
    pub(super) sparse: bool,
    /// Overlay's own mark on a directory that hides what lies below it.
    pub(super) opaque: bool,
    /// Extended attributes other than that mark.
    pub(super) xattrs: bool,
}

impl<'a> Pax<'a> {
    /// Reads all records. Unknown keys mean nothing; empty values leave the header's own.
    pub(super) fn parse(mut records: &'a [u8]) -> Result<Self, Problem> {
        let mut pax = Pax::default();
        while !records.is_empty() {
            let (key, value, rest) = split_record(records).ok_or(Problem::Pax)?;
            if !value.is_empty() {
                pax.set(key, value)?;
            }
            records = rest;
        }
        Ok(pax)
    }

    fn set(&mut self, key: &[u8], value: &'a [u8]) -> Result<(), Problem> {
        let number = |what| decimal(value).ok_or(Problem::Number(what));
        match key {
            b"path" => self.path = Some(without_nul(value)?),
            b"linkpath" => self.link_path = Some(without_nul(value)?),
            b"size" => self.size = Some(number("size")?),
            b"uid" => self.uid = Some(number("uid")?),
            b"gid" => self.gid = Some(number("gid")?),
            b"mtime" => {
                let mtime = time(value).ok_or(Problem::Number("modification time"))?;
                self.mtime = Some(mtime);
            }
            b"SCHILY.xattr.trusted.overlay.opaque" => self.opaque = value == b"y",
            _ if key.starts_with(b"SCHILY.xattr.") => self.xattrs = true,
            _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
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
    let (pair, newline) = record.get(space + 1..)?.split_at_checked(len.checked_sub(space + 2)?)?;
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    (newline == b"\n" && equals > 0).then_some((&pair[..equals], &pair[equals + 1..], rest))
}

fn without_nul(value: &[u8]) -> Result<&[u8], Problem> {
    match value.contains(&0) {
        true => Err(Problem::Pax),
        false => Ok(value),
    }
}

fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
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
    let mut nanoseconds = 0u32;
    for place in 0..9 {
        let digit = fraction.get(place).map_or(Some(0), |byte| char::from(*byte).to_digit(10))?;
        nanoseconds = nanoseconds * 10 + digit;
    }
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
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
    fn records_are_read_and_the_last_one_wins() {
        let records = b"12 path=a/b\n10 path=c\n8 uid=7\n11 foo=bar\n8 path=\n";
        let pax = Pax::parse(records).expect("well formed");
        assert_eq!((pax.path, pax.uid), (Some(&b"c"[..]), Some(7)));
    }

    #[test]
    fn values_may_hold_newlines_and_equal_signs() {
        let pax = Pax::parse(b"15 path=a\n=b c\n").expect("well formed");
        assert_eq!(pax.path, Some(&b"a\n=b c"[..]));
    }

    #[test]
    fn malformed_records_are_refused() {
        for records in ["x", "5 a=b", "99 path=a\n", "9 path=ab\n", "6 =ab\n", "2 \n", "7 size=x\n"]
        {
            assert!(Pax::parse(records.as_bytes()).is_err(), "{records:?}");
        }
        assert!(Pax::parse(b"10 path=\0a\n").is_err());
    }

    #[test]
    fn times_have_fractions_and_signs() {
        let at = |seconds, nanoseconds| Some(Mtime { seconds, nanoseconds });
        assert_eq!(time(b"1.5"), at(1, 500_000_000));
        assert_eq!(time(b"-1.25"), at(-2, 750_000_000));
        assert_eq!(time(b"-0.5"), at(-1, 500_000_000));
        assert_eq!(time(b"7.1234567899"), at(7, 123_456_789));
        assert_eq!(time(b"7."), at(7, 0));
        for bad in ["", ".", "1.x", "1.123456789x", "--1", "1e3"] {
            assert_eq!(time(bad.as_bytes()), None, "{bad}");
        }
    }
}
