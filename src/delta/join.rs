//! Putting together what was found side by side: copies of all segments, in order, without a trace
//! of where the target was cut.

use super::extent::{common_prefix, common_suffix};
use super::{Base, Command};

/// A COPY at a place in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PlacedCopy {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Base position minus target position.
    pub(super) displacement: i64,
}

impl PlacedCopy {
    fn offset(&self) -> u64 {
        (self.start as i64 + self.displacement) as u64
    }

    fn end_offset(&self) -> u64 {
        (self.end as i64 + self.displacement) as u64
    }
}

/// The commands that make `target`: `copies`, which are in order and do not overlap, and literals
/// between them. A copy that ends or begins at one of the `seams`, which are in order, grows over
/// it as far as base and target agree.
pub(super) fn join(
    base: &Base<'_>,
    target: &[u8],
    mut copies: Vec<PlacedCopy>,
    seams: &[usize],
) -> Vec<Command> {
    for index in 0..copies.len() {
        let copy = copies[index];
        let floor = index.checked_sub(1).map_or(0, |before| copies[before].end);
        let ceiling = copies.get(index + 1).map_or(target.len(), |after| after.start);
        if floor < copy.start && seams.binary_search(&copy.start).is_ok() {
            let head = base.head(copy.offset());
            copies[index].start -= common_suffix(&target[floor..copy.start], head);
        }
        if copy.end < ceiling && seams.binary_search(&copy.end).is_ok() {
            let tail = base.tail(copy.end_offset());
            copies[index].end += common_prefix(&target[copy.end..ceiling], tail);
        }
    }
    commands(target.len(), &copies)
}

fn commands(len: usize, copies: &[PlacedCopy]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::with_capacity(copies.len() * 2 + 1);
    let mut at = 0;
    for copy in copies {
        if copy.start > at {
            commands.push(Command::Literal { len: (copy.start - at) as u64 });
        }
        let more = (copy.end - copy.start) as u64;
        match commands.last_mut() {
            Some(Command::Copy { offset, len }) if *offset + *len == copy.offset() => *len += more,
            _ => commands.push(Command::Copy { offset: copy.offset(), len: more }),
        }
        at = copy.end;
    }
    if at < len {
        commands.push(Command::Literal { len: (len - at) as u64 });
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"the quick brown fox jumps over the lazy dog";

    fn copy(start: usize, end: usize) -> PlacedCopy {
        PlacedCopy { start, end, displacement: 0 }
    }

    #[test]
    fn no_match_ends_at_a_seam_wherever_it_is() {
        let base = Base::new(vec![TEXT]);
        let whole = [Command::Copy { offset: 0, len: TEXT.len() as u64 }];
        for seam in 1..TEXT.len() {
            for missed in 0..seam.min(TEXT.len() - seam) {
                let after = vec![copy(0, seam), copy(seam + missed, TEXT.len())];
                assert_eq!(join(&base, TEXT, after, &[seam]), whole);
                let before = vec![copy(0, seam - missed), copy(seam, TEXT.len())];
                assert_eq!(join(&base, TEXT, before, &[seam]), whole);
            }
        }
    }

    #[test]
    fn elsewhere_copies_stay_as_they_were_chosen() {
        let base = Base::new(vec![TEXT]);
        let commands = join(&base, TEXT, vec![copy(0, 10), copy(20, 30)], &[5, 25]);
        let expected = [
            Command::Copy { offset: 0, len: 10 },
            Command::Literal { len: 10 },
            Command::Copy { offset: 20, len: 10 },
            Command::Literal { len: TEXT.len() as u64 - 30 },
        ];
        assert_eq!(commands, expected);
    }
}
