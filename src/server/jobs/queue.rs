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

    /// Takes the next one.
    pub(super) fn pop(&mut self) -> Option<T> {
        let fleet = self.turns.pop_front()?;
        let items = self.fleets.get_mut(&fleet)?;
        let item = items.pop_front()?;
        self.len -= 1;
        if items.is_empty() {
            self.fleets.remove(&fleet);
        } else {
            self.turns.push_back(fleet);
        }
        Some(item)
    }

    /// Takes `item` out, wherever it is.
    pub(super) fn remove(&mut self, fleet: &str, item: &T) {
        let Some(items) = self.fleets.get_mut(fleet) else { return };
        let before = items.len();
        items.retain(|other| other != item);
        self.len -= before - items.len();
        if items.is_empty() {
            self.fleets.remove(fleet);
            self.turns.retain(|other| other != fleet);
        }
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

    fn drain(mut queue: FairQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
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
        assert_eq!(drain(queue), [1, 10, 20, 2, 21, 3, 4]);
    }

    #[test]
    fn a_fleet_that_comes_back_stands_at_the_end() {
        let mut queue = FairQueue::default();
        queue.push("a", 1);
        queue.push("b", 2);
        queue.push("b", 3);
        assert_eq!(queue.pop(), Some(1));
        queue.push("a", 4);
        assert_eq!(drain(queue), [2, 4, 3]);
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
                queue.pop();
            }
            for item in &removed {
                queue.remove(&name(*item), item);
            }
            let positions: Vec<_> = (0..fleets.len() as u32)
                .filter_map(|item| Some((queue.position(&name(item), &item)?, item)))
                .collect();
            prop_assert_eq!(queue.len(), positions.len());
            let order = drain(queue);
            prop_assert_eq!(order.len(), positions.len());
            for (position, item) in positions {
                prop_assert_eq!(order[position], item);
            }
        }
    }
}
