//! Numbers in tars: fields of headers, and decimal text in extended headers.

/// The number in a header's field: base 256 if the first bit is set (GNU), else octal text.
pub(super) fn numeric(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 == 0 {
        return octal(field);
    }
    // The second bit is the sign; the first one only says that this is base 256.
    let high = match first & 0x40 {
        0 => i128::from(first & 0x7f),
        _ => i128::from(first as i8),
    };
    let value = field[1..].iter().fold(high, |value, &byte| value * 256 + i128::from(byte));
    i64::try_from(value).ok()
}

/// The number in octal text that may have spaces and NULs on both sides. Empty text is 0.
pub(super) fn octal(field: &[u8]) -> Option<i64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    until_nul(&field[start..end]).iter().try_fold(0i64, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(digit - b'0')),
        _ => None,
    })
}

/// The number in decimal text that may begin with a sign.
pub(super) fn decimal(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The bytes before the first NUL.
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_octal_or_base_256() {
        let cases: [(&[u8], Option<i64>); 18] = [
            (b"0000644\0", Some(0o644)),
            (b"   644 \0", Some(0o644)),
            (b"644     ", Some(0o644)),
            (b"\0\0\x00644 ", Some(0o644)),
            (b"\0 \0 644\0", Some(0o644)),
            (b"644\0junk", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"        ", Some(0)),
            (b"777777777777", Some(0o777_777_777_777)),
            (b"0000648\0", None),
            (b"6 44    ", None),
            (b"-0000644", None),
            (b"0x1f\0\0\0\0", None),
            (b"\x80\0\0\0\0\x01\0\0", Some(65536)),
            (&[0xff; 12], Some(-1)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", Some(-256)),
            (b"\xc0\x00", Some(-16384)),
            (b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff", None),
        ];
        for (field, number) in cases {
            assert_eq!(numeric(field), number, "{}", field.escape_ascii());
        }
    }

    #[test]
    fn decimal_text_may_have_a_sign_and_nothing_else() {
        assert_eq!(decimal(b"12"), Some(12));
        assert_eq!(decimal(b"-12"), Some(-12));
        assert_eq!(decimal(b"+012"), Some(12));
        for text in [&b""[..], b"+", b"1_0", b" 1", b"1\0", b"9223372036854775808", b"\xff"] {
            assert_eq!(decimal(text), None, "{}", text.escape_ascii());
        }
    }
}
