//! How far two slices agree, forward and backward. The innermost loop of everything here.

/// How many leading bytes `a` and `b` have in common.
pub(crate) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    counted(prefix(a, b))
}

fn prefix(a: &[u8], b: &[u8]) -> usize {
    let len = a.len().min(b.len());
    let (a, b) = (&a[..len], &b[..len]);
    let mut at = 0;
    while at + 8 <= len {
        let difference = word(a, at) ^ word(b, at);
        if difference != 0 {
            return at + (difference.trailing_zeros() / 8) as usize;
        }
        at += 8;
        // Most matches end within a few words; the others are worth wider steps.
        if at == 32 {
            at += equal_lines(&a[at..], &b[at..]);
        }
    }
    at + a[at..].iter().zip(&b[at..]).take_while(|(x, y)| x == y).count()
}

/// How many bytes the whole 64-byte lines that begin `a` and `b` alike take. Without branches in a
/// line, so that the comparison compiles to vector instructions wherever there are any.
fn equal_lines(a: &[u8], b: &[u8]) -> usize {
    const LINE: usize = 64;
    let equal = |(a, b): &(&[u8; LINE], &[u8; LINE])| {
        a.iter().zip(b.iter()).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
    };
    let (a, b) = (a.as_chunks::<LINE>().0, b.as_chunks::<LINE>().0);
    a.iter().zip(b).take_while(equal).count() * LINE
}

/// How many trailing bytes `a` and `b` have in common.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    counted(suffix(a, b))
}

fn suffix(a: &[u8], b: &[u8]) -> usize {
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

#[cfg(test)]
thread_local! {
    /// The work of this thread: bytes compared so far, and one for each comparison.
    pub(super) static COMPARED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Lets tests count the work that a comparison with this `outcome` was.
#[inline(always)]
fn counted(outcome: usize) -> usize {
    #[cfg(test)]
    COMPARED.set(COMPARED.get() + outcome as u64 + 1);
    outcome
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
