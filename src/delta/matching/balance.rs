//! How far base and target go along: while equal bytes outweigh changed ones, up to where their balance is best.

use super::super::extent::common_prefix;
use super::agreement::{Agreement, LINE};

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
    let mut way = Way { extent: Extent { best: 0, balance: 0, seen: 0 }, balance: 0, give_up };
    while way.extent.seen < len && way.line(&a[way.extent.seen..len], &b[way.extent.seen..len]) {}
    way.extent
}

/// The way that two slices go together.
struct Way {
    extent: Extent,
    /// The balance of what was seen.
    balance: i32,
    give_up: i32,
}

impl Way {
    /// Goes on over the next bytes of `a` and `b`. Returns whether to go on behind them.
    fn line(&mut self, a: &[u8], b: &[u8]) -> bool {
        let agreement = Agreement::of(a, b);
        let mut at = 0;
        while at < agreement.len() {
            let equal = agreement.equal(at);
            let equal = if equal == LINE { common_prefix(a, b) } else { equal };
            at += equal;
            self.equal(equal);
            if at < agreement.len() {
                let changed = agreement.changed(at);
                at += changed;
                if !self.changed(changed) {
                    return false;
                }
            }
        }
        true
    }

    fn equal(&mut self, count: usize) {
        self.extent.seen += count;
        self.balance = self.balance.saturating_add(i32::try_from(count).unwrap_or(i32::MAX));
        if self.balance > self.extent.balance {
            (self.extent.best, self.extent.balance) = (self.extent.seen, self.balance);
        }
    }

    /// Passes over `count` changed bytes, up to the one that is too many. Returns whether none is.
    fn changed(&mut self, count: usize) -> bool {
        let least = self.extent.balance - self.give_up;
        let most = (self.balance - least + 1).max(0) as usize;
        let passed = count.min(most);
        self.extent.seen += passed;
        self.balance -= passed as i32;
        passed == count
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same as [`forward`], byte by byte.
    fn forward_by_bytes(a: &[u8], b: &[u8], give_up: i32) -> Extent {
        let len = a.len().min(b.len());
        let mut extent = Extent { best: 0, balance: 0, seen: 0 };
        let mut balance = 0;
        for (at, (x, y)) in a.iter().zip(b).enumerate() {
            if x != y && balance < extent.balance - give_up {
                extent.seen = at;
                return extent;
            }
            balance += if x == y { 1 } else { -1 };
            if balance > extent.balance {
                (extent.best, extent.balance) = (at + 1, balance);
            }
        }
        extent.seen = len;
        extent
    }

    proptest! {
        #[test]
        fn lines_of_bytes_give_what_bytes_give(
            bytes in prop::collection::vec((any::<u8>(), 0..20u8), 0..300),
            changed in 0..20u8,
            longer in 0..3usize,
            give_up in 0..40,
        ) {
            let a: Vec<u8> = bytes.iter().map(|(byte, _)| *byte).collect();
            let change = |(byte, chance): &(u8, u8)| byte ^ u8::from(*chance < changed);
            let b: Vec<u8> = bytes.iter().map(change).chain(vec![7; longer]).collect();
            let extent = forward(&a, &b, give_up);
            let expected = forward_by_bytes(&a, &b, give_up);
            prop_assert_eq!(
                (extent.best, extent.balance, extent.seen),
                (expected.best, expected.balance, expected.seen)
            );
        }
    }
}
