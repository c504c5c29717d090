//! How far base and target go along: while equal bytes outweigh changed ones, up to where their balance is best.

use super::super::extent::common_prefix;

/// A lane is given up if its balance of equal and changed bytes falls so far below its best.
pub(super) const GIVE_UP: i32 = 32;

/// How far a displacement holds.
pub(super) struct Extent {
    /// Up to where its balance is best, in bytes.
    pub(super) best: usize,
    pub(super) balance: i32,
    /// How many bytes were looked at.
    pub(super) seen: usize,
}

/// How far `a` goes along with `b`, until the balance falls `give_up` below its best.
pub(super) fn forward(a: &[u8], b: &[u8], give_up: i32) -> Extent {
    let len = a.len().min(b.len());
    let (mut at, mut balance) = (0usize, 0i32);
    let mut extent = Extent { best: 0, balance: 0, seen: 0 };
    while at < len {
        let equal = common_prefix(&a[at..len], &b[at..len]);
        at += equal;
        balance = balance.saturating_add(i32::try_from(equal).unwrap_or(i32::MAX));
        if balance > extent.balance {
            (extent.best, extent.balance) = (at, balance);
        }
        if balance < extent.balance - give_up {
            break;
        }
        at += 1;
        balance -= 1;
    }
    extent.seen = at.min(len);
    extent
}

/// How far `a` goes along with `b` from their ends backward.
pub(super) fn backward(a: &[u8], b: &[u8]) -> usize {
    let (mut balance, mut most, mut best) = (0i32, 0, 0);
    for (len, (x, y)) in a.iter().rev().zip(b.iter().rev()).enumerate() {
        balance += if x == y { 1 } else { -1 };
        if balance > most {
            (most, best) = (balance, len + 1);
        }
        if balance < most - GIVE_UP {
            break;
        }
    }
    best
}
