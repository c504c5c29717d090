//! How far two slices agree, forward and backward. The innermost loop of everything here.

/// How many leading bytes `a` and `b` have in common.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    // Whole lines first: comparing 64 bytes for equality compiles to a few vector instructions.
    let mut at = 0;
    while at + 64 <= len && a[at..at + 64] == b[at..at + 64] {
        at += 64;
    }
    while at + 8 <= len {
        let difference = word(a, at) ^ word(b, at);
        if difference != 0 {
            return at + (difference.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x == y).count()
}

/// How many trailing bytes `a` and `b` have in common.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let len = a.len().min(b.len());
    let (a, b) = (&a[a.len() - len..], &b[b.len() - len..]);
    let mut left = len;
    while left >= 8 {
        let difference = word(a, left - 8) ^ word(b, left - 8);
        if difference != 0 {
            return len - left + (difference.leading_zeros() / 8) as usize;
        }
        left -= 8;
    }
    len - left
        + a[..left].iter().rev().zip(b[..left].iter().rev()).take_while(|(x, y)| x == y).count()
}

/// The eight bytes of `bytes` from `at`, the first one lowest.
pub(super) fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agreement_is_counted_to_the_byte_at_every_length() {
        for len in 0..200 {
            let a: Vec<u8> = (0..len).map(|i| i as u8).collect();
            assert_eq!(common_prefix(&a, &a), len);
            assert_eq!(common_suffix(&a, &a), len);
            for differ in 0..len {
                let mut b = a.clone();
                b[differ] ^= 0x80;
                assert_eq!(common_prefix(&a, &b), differ);
                assert_eq!(common_suffix(&a, &b), len - differ - 1);
            }
        }
    }

    #[test]
    fn slices_of_different_length_agree_up_to_the_shorter() {
        assert_eq!(common_prefix(b"abc", b"abcd"), 3);
        assert_eq!(common_suffix(b"bcd", b"abcd"), 3);
        assert_eq!(common_prefix(b"", b"a"), 0);
    }
}
