//! A table of fixed size from hashes to numbers, filled by any number of threads with the same outcome.
//!
//! Buckets of a few slots, no chains: a look-up costs one cache line and a bounded number of
//! candidates, whatever is in the table. What is put in is sorted by the part of the table first, so
//! that a part is in the cache while it is filled, and belongs to one thread.

use std::collections::TryReserveError;

use rayon::prelude::*;

/// The slots of a bucket: half a cache line.
const SLOTS: usize = 8;
/// A slot that holds nothing.
const EMPTY: u32 = u32::MAX;
/// The bits that a number may have: they leave a tag of two bits at least.
pub(super) const NUMBER_BITS_MAX: u32 = 30;
/// Where in a hash the tag is: above what tells samples, below what tells buckets.
const TAG_SHIFT: u32 = 20;
/// The buckets of a part of the table: they fit into a core's own cache.
const PART: usize = 8 << 10;
/// Pieces of so many seeds or a few more are one job's to sort.
const JOB: usize = 256 << 10;
/// So many jobs sort before the parts take what they sorted.
const JOBS: usize = 8;

/// A piece of what is put in.
pub(super) trait Piece: Sync {
    /// Returns how many seeds it has, about.
    fn seeds(&self) -> usize;

    /// Adds those of its seeds that are to be found, in order.
    fn collect(&self, into: &mut Collected);
}

/// Numbers, found by hashes.
pub(super) struct Buckets {
    buckets: Vec<Bucket>,
    shape: Shape,
}

#[repr(align(32))]
struct Bucket([u32; SLOTS]);

impl Bucket {
    /// Puts `slot` behind what is there, if there is room.
    fn put(&mut self, slot: u32) {
        // Counted rather than looked for, since nobody can guess how many there are.
        let taken: u32 = self.0.iter().map(|&slot| u32::from(slot != EMPTY)).sum();
        if let Some(free) = self.0.get_mut(taken as usize) {
            *free = slot;
        }
    }
}

/// How hashes and numbers become buckets and slots.
#[derive(Clone, Copy)]
struct Shape {
    buckets: usize,
    /// A slot has the number in this many low bits, and above them a tag from the hash that spares many look-ups of
    /// what has another hash.
    number_bits: u32,
}

impl Shape {
    fn bucket(self, hash: u64) -> usize {
        (((hash >> 32) * self.buckets as u64) >> 32) as usize
    }

    /// A slot's value: `number` below, a tag from the hash above.
    fn slot(self, hash: u64, number: u32) -> u32 {
        ((hash >> TAG_SHIFT) as u32) << self.number_bits | number
    }
}

impl Buckets {
    /// Returns how many buckets `memory` bytes have room for, one at least.
    pub(super) fn most(memory: u64) -> usize {
        (memory as usize / size_of::<Bucket>()).max(1)
    }

    /// Returns how many buckets `numbers` numbers need. A table at most 7/8 full on average loses few of them to full
    /// buckets.
    pub(super) fn needed(numbers: usize) -> usize {
        numbers * 8 / 7 / SLOTS + 1
    }

    /// Returns how many numbers `count` buckets have room for, in the same sense.
    pub(super) fn room(count: usize) -> usize {
        (count - 1) * SLOTS * 7 / 8
    }

    /// Makes `count` buckets for numbers of `number_bits` bits and puts in what each of `pieces` collects. A bucket keeps
    /// the first that it is offered, in the order of pieces.
    ///
    /// # Errors
    /// If the system does not give the memory.
    pub(super) fn filled(
        count: usize,
        number_bits: u32,
        pieces: &[impl Piece],
    ) -> Result<Self, TryReserveError> {
        let shape = Shape { buckets: count, number_bits };
        let mut buckets = empty_buckets(count)?;
        for some in jobs(pieces).chunks(JOBS) {
            let sort = |collected: &mut Collected, pieces: &&[_]| {
                collected.slots.clear();
                pieces.iter().for_each(|piece| Piece::collect(piece, collected));
                Sorted::new(collected)
            };
            let init = || Collected { shape, slots: Vec::new() };
            let sorted: Vec<Sorted> = some.par_iter().map_init(init, sort).collect();
            buckets.par_chunks_mut(PART).enumerate().for_each(|(part, buckets)| {
                // Read in order first, it comes to the cache faster than bucket by bucket.
                std::hint::black_box(buckets.iter().fold(0, |all, bucket| all ^ bucket.0[0]));
                for &(bucket, slot) in sorted.iter().flat_map(|sorted| sorted.of(part)) {
                    buckets[bucket as usize % PART].put(slot);
                }
            });
        }
        Ok(Buckets { buckets, shape })
    }

    /// Returns the numbers that may have been put in under `hash`, in the order in which they were.
    pub(super) fn numbers(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let tag = self.shape.slot(hash, 0);
        let mask = (1u32 << self.shape.number_bits) - 1;
        self.bucket(hash)
            .iter()
            .filter(move |&&slot| slot != EMPTY && slot & !mask == tag)
            .map(move |slot| slot & mask)
    }

    fn bucket(&self, hash: u64) -> &[u32; SLOTS] {
        &self.buckets[self.shape.bucket(hash)].0
    }

    /// Begins to bring a bucket into the cache, without waiting for it.
    pub(super) fn touch(&self, hash: u64) {
        std::hint::black_box(self.bucket(hash)[0]);
    }
}

/// What is to be put in, of one piece.
pub(super) struct Collected {
    shape: Shape,
    /// Buckets, and what goes into a slot there.
    slots: Vec<(u32, u32)>,
}

impl Collected {
    /// Adds `number`, to be found by `hash`.
    pub(super) fn add(&mut self, hash: u64, number: u32) {
        self.slots.push((self.shape.bucket(hash) as u32, self.shape.slot(hash, number)));
    }
}

/// The same, sorted by part of the table.
struct Sorted {
    slots: Vec<(u32, u32)>,
    /// Where each part's begin.
    starts: Vec<u32>,
}

impl Sorted {
    fn new(collected: &Collected) -> Self {
        let part = |bucket: u32| bucket as usize / PART;
        let mut starts = vec![0u32; collected.shape.buckets.div_ceil(PART) + 1];
        collected.slots.iter().for_each(|&(bucket, _)| starts[part(bucket) + 1] += 1);
        for part in 1..starts.len() {
            starts[part] += starts[part - 1];
        }
        let mut ends = starts.clone();
        let mut slots = vec![(0, 0); collected.slots.len()];
        for &(bucket, slot) in &collected.slots {
            let end = &mut ends[part(bucket)];
            slots[*end as usize] = (bucket, slot);
            *end += 1;
        }
        Sorted { slots, starts }
    }

    fn of(&self, part: usize) -> &[(u32, u32)] {
        &self.slots[self.starts[part] as usize..self.starts[part + 1] as usize]
    }
}

/// The `pieces`, as many together as are one job's.
fn jobs<P: Piece>(pieces: &[P]) -> Vec<&[P]> {
    let mut seeds = 0;
    let goes_on = |piece: &P, _: &P| {
        seeds = if seeds < JOB { seeds + piece.seeds() } else { piece.seeds() };
        seeds < JOB
    };
    pieces.chunk_by(goes_on).collect()
}

fn empty_buckets(count: usize) -> Result<Vec<Bucket>, TryReserveError> {
    let mut buckets = Vec::new();
    buckets.try_reserve_exact(count)?;
    buckets.par_extend((0..count).into_par_iter().map(|_| Bucket([EMPTY; SLOTS])));
    Ok(buckets)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;

    #[test]
    fn a_table_that_there_is_no_memory_for_is_an_error() {
        assert!(empty_buckets(1 << 50).is_err());
        assert_eq!(empty_buckets(3).map(|buckets| buckets.len()), Ok(3));
    }

    /// Numbers from one to another, and the hash of each.
    struct Numbers(Range<u32>, fn(u32) -> u64);

    impl Piece for Numbers {
        fn seeds(&self) -> usize {
            self.0.len()
        }

        fn collect(&self, into: &mut Collected) {
            self.0.clone().for_each(|number| into.add(self.1(number), number));
        }
    }

    #[test]
    fn a_bucket_keeps_the_first_numbers_that_it_is_offered() {
        let pieces: Vec<_> = (0..20).map(|number| Numbers(number..number + 1, |_| 7)).collect();
        let table = Buckets::filled(1, 8, &pieces).expect("memory");
        assert_eq!(table.numbers(7).collect::<Vec<_>>(), (0..8).collect::<Vec<_>>());
    }

    #[test]
    fn all_parts_of_a_table_are_filled_and_from_all_pieces() {
        fn hash(number: u32) -> u64 {
            u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        }
        let piece = |start: usize| Numbers(start as u32..(start + JOB / 2) as u32, hash);
        let pieces: Vec<_> = (0..24).map(|piece| piece * JOB / 2).map(piece).collect();
        let count = 12 * JOB as u32;
        let table = Buckets::filled(2 * count as usize, 24, &pieces).expect("memory");
        let found = |&number: &u32| table.numbers(hash(number)).any(|found| found == number);
        assert_eq!((0..count).filter(found).count(), count as usize);
    }

    #[test]
    fn jobs_have_all_pieces_in_order_and_each_enough_but_the_last() {
        let lens = [JOB, 1, JOB - 1, JOB / 2, JOB, 3, 4];
        let piece = |len: usize| Numbers(0..len as u32, |_| 0);
        let pieces: Vec<_> = lens.map(piece).into();
        let lens: Vec<Vec<usize>> =
            jobs(&pieces).iter().map(|job| job.iter().map(Piece::seeds).collect()).collect();
        assert_eq!(lens, [vec![JOB], vec![1, JOB - 1], vec![JOB / 2, JOB], vec![3, 4]]);
    }
}
