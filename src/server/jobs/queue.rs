//! Who is next: one after another within a fleet, the fleets in turn.

use std::collections::{HashMap, VecDeque};

/// A queue in which a fleet with a thousand jobs does not keep one with a single job waiting.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    fleets: HashMap<String, VecDeque<T>>,
    /// The fleets that have something waiting, the one whose turn it is first.
    turns: VecDeque<String>,
    len: usize,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        FairQueue { fleets: HashMap::new(), turns: VecDeque::new(), len: 0 }
    }
}

impl<T: PartialEq> FairQueue<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Puts `item` behind the others of its fleet.
    pub(super) fn push(&mut self, fleet: &str, item: T) {
        self.len += 1;
        match self.fleets.get_mut(fleet) {
            Some(items) => items.push_back(item),
            None => {
                self.fleets.insert(fleet.to_owned(), VecDeque::from([item]));
                self.turns.push_back(fleet.to_owned());
            }
        }
    }

    /// The next ones, `count` at most, in the order in which their turns come.
    pub(super) fn next(&self, count: usize) -> Vec<&T> {
        let longest = self.fleets.values().map(VecDeque::len).max().unwrap_or(0);
        let rounds = (0..longest).flat_map(|round| {
            let of = move |fleet| self.fleets.get(fleet).and_then(|items| items.get(round));
            self.turns.iter().filter_map(of)
        });
        rounds.take(count).collect()
    }

    /// Takes `item` out because it has its turn, here or elsewhere: the others of its fleet wait for all
    /// other fleets.
    pub(super) fn take(&mut self, fleet: &str, item: &T) {
        if self.remove(fleet, item)
            && let Some(place) = self.turns.iter().position(|other| other == fleet)
            && let Some(name) = self.turns.remove(place)
        {
            self.turns.push_back(name);
        }
    }

    /// Takes `item` out, wherever it is, and says whether it was there.
    pub(super) fn remove(&mut self, fleet: &str, item: &T) -> bool {
        let Some(items) = self.fleets.get_mut(fleet) else { return false };
        let before = items.len();
        items.retain(|other| other != item);
        let removed = before - items.len();
        self.len -= removed;
        if items.is_empty() {
            self.fleets.remove(fleet);
            self.turns.retain(|other| other != fleet);
        }
        removed > 0
    }

    /// What waits of a fleet.
    pub(super) fn of(&self, fleet: &str) -> impl Iterator<Item = &T> {
        self.fleets.get(fleet).into_iter().flatten()
    }

    /// How many come before `item`, as things are now.
    pub(super) fn position(&self, fleet: &str, item: &T) -> Option<usize> {
        let round = self.fleets.get(fleet)?.iter().position(|other| other == item)?;
        let turn = self.turns.iter().position(|other| other == fleet)?;
        let before = |(index, other): (usize, &String)| {
            let rounds = round + usize::from(index < turn);
            self.fleets.get(other).map_or(0, |items| items.len().min(rounds))
        };
        Some(self.turns.iter().enumerate().map(before).sum())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes what is next, as the queue of `fleets` says.
    fn pop(queue: &mut FairQueue<u32>, fleet: impl Fn(u32) -> String) -> Option<u32> {
        let item = **queue.next(1).first()?;
        queue.take(&fleet(item), &item);
        Some(item)
    }

    fn drain(mut queue: FairQueue<u32>, fleet: impl Fn(u32) -> String) -> Vec<u32> {
        std::iter::from_fn(|| pop(&mut queue, &fleet)).collect()
    }

    #[test]
    fn fleets_take_turns_and_keep_their_own_order() {
        let mut queue = FairQueue::default();
        for item in 1..=4 {
            queue.push("large", item);
        }
        queue.push("small", 10);
        queue.push("middle", 20);
        queue.push("middle", 21);
        assert_eq!(queue.position("large", &4), Some(6));
        assert_eq!(queue.next(3), [&1, &10, &20]);
        assert_eq!(queue.next(100), [&1, &10, &20, &2, &21, &3, &4]);
        let fleet = |item| ["large", "small", "middle"][item as usize / 10].to_owned();
        assert_eq!(drain(queue, fleet), [1, 10, 20, 2, 21, 3, 4]);
    }

    #[test]
    fn a_fleet_that_comes_back_stands_at_the_end() {
        let mut queue = FairQueue::default();
        queue.push("a", 1);
        queue.push("b", 2);
        queue.push("b", 3);
        let fleet = |item| if [1, 4].contains(&item) { "a".to_owned() } else { "b".to_owned() };
        assert_eq!(pop(&mut queue, fleet), Some(1));
        queue.push("a", 4);
        assert_eq!(drain(queue, fleet), [2, 4, 3]);
    }

    #[test]
    fn a_turn_that_was_taken_elsewhere_is_a_turn_of_its_fleet() {
        let mut queue = FairQueue::default();
        for item in 1..=3 {
            queue.push("a", item);
        }
        queue.push("b", 10);
        queue.take("a", &2);
        assert_eq!(queue.next(4), [&10, &1, &3]);
        queue.remove("b", &10);
        queue.take("a", &7);
        assert_eq!(queue.next(4), [&1, &3]);
    }

    proptest! {
        #[test]
        fn a_position_is_the_number_of_those_that_come_first(
            fleets in prop::collection::vec(0..5u8, 1..40),
            popped in 0..10usize,
            removed in prop::collection::vec(0..40u32, 0..10),
        ) {
            let mut queue = FairQueue::default();
            let name = |item: u32| fleets.get(item as usize).map_or(String::new(), u8::to_string);
            for item in 0..fleets.len() as u32 {
                queue.push(&name(item), item);
            }
            for _ in 0..popped {
                pop(&mut queue, name);
            }
            for item in &removed {
                queue.remove(&name(*item), item);
            }
            let positions: Vec<_> = (0..fleets.len() as u32)
                .filter_map(|item| Some((queue.position(&name(item), &item)?, item)))
                .collect();
            prop_assert_eq!(queue.len(), positions.len());
            let order = drain(queue, name);
            prop_assert_eq!(order.len(), positions.len());
            for (position, item) in positions {
                prop_assert_eq!(order[position], item);
            }
        }
    }
}
