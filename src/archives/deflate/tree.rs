//! Huffman codes, with the lengths that zlib gives them.

use super::format::CODE_MAX;

/// What a code is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alphabet {
    /// Extra bits behind the symbols from `extra_from` on.
    pub(super) extra: &'static [u32],
    pub(super) extra_from: usize,
    /// How many symbols there are.
    pub(super) symbols: usize,
    /// The longest code.
    pub(super) longest: usize,
}

impl Alphabet {
    fn extra_of(&self, symbol: usize) -> i64 {
        symbol.checked_sub(self.extra_from).map_or(0, |index| i64::from(self.extra[index]))
    }
}

/// A code for symbols that are so frequent.
#[derive(Debug)]
pub(super) struct Code {
    /// The bits of each symbol, in the order in which they are written.
    bits: Vec<u16>,
    /// How many bits each symbol has: 0 if it does not occur.
    pub(super) lengths: Vec<u8>,
    /// The last symbol that has any.
    pub(super) last: usize,
    /// What all symbols take together, extra bits included.
    pub(super) cost: i64,
    /// What they would take by the lengths of another code.
    pub(super) other_cost: i64,
}

impl Code {
    /// The code for symbols of `alphabet` that occur as often as `counts` say. `other` has the lengths of another code.
    pub(super) fn new(alphabet: &Alphabet, counts: &[u32], other: Option<&[u8]>) -> Self {
        let mut tree = Tree::new(counts);
        let mut code =
            Code { bits: Vec::new(), lengths: Vec::new(), last: 0, cost: 0, other_cost: 0 };
        for forced in tree.two_at_least() {
            code.cost -= 1;
            code.other_cost -= other.map_or(0, |lengths| i64::from(lengths[forced]));
        }
        code.last = tree.last;
        tree.grow(alphabet.symbols);
        let mut by_length = [0u32; CODE_MAX + 1];
        code.lengths = tree.lengths(alphabet, &mut by_length);
        for (symbol, &length) in code.lengths.iter().enumerate().filter(|(_, len)| **len > 0) {
            let (count, extra) = (i64::from(tree.counts[symbol]), alphabet.extra_of(symbol));
            code.cost += count * (i64::from(length) + extra);
            let other = other.map_or(0, |lengths| i64::from(lengths[symbol]) + extra);
            code.other_cost += count * other;
        }
        code.bits = bits_of(&code.lengths);
        code
    }

    /// The code of these lengths.
    pub(super) fn of_lengths(lengths: Vec<u8>) -> Self {
        let (bits, last) = (bits_of(&lengths), lengths.len() - 1);
        Code { bits, lengths, last, cost: 0, other_cost: 0 }
    }

    /// The bits of `symbol`, and how many.
    pub(super) fn of(&self, symbol: usize) -> (u32, u32) {
        (u32::from(self.bits[symbol]), u32::from(self.lengths[symbol]))
    }
}

/// The bits of each symbol: codes of one length follow each other (RFC 1951, 3.2.2), and are written highest bit first.
fn bits_of(lengths: &[u8]) -> Vec<u16> {
    let mut next = [0u16; CODE_MAX + 2];
    lengths.iter().filter(|len| **len > 0).for_each(|len| next[usize::from(*len) + 1] += 1);
    for length in 1..=CODE_MAX {
        next[length] = (next[length - 1] + next[length]) << 1;
    }
    let mut bits = |&length: &u8| {
        let code = &mut next[usize::from(length)];
        let own = *code;
        *code = code.wrapping_add(u16::from(length > 0));
        if length == 0 { 0 } else { own.reverse_bits() >> (16 - u32::from(length)) }
    };
    lengths.iter().map(&mut bits).collect()
}

/// A Huffman tree in the making. The order in which zlib joins nodes of one count decides which lengths come out.
struct Tree {
    /// How often what is below each node occurs: symbols first, then what joins two.
    counts: Vec<u32>,
    depths: Vec<u8>,
    parents: Vec<usize>,
    /// The nodes that nothing joins yet, the least first in each branch. Counted from 1.
    heap: Vec<usize>,
    /// The nodes as they were joined, the last first.
    joined: Vec<usize>,
    /// The last symbol that occurs.
    last: usize,
}

impl Tree {
    fn new(counts: &[u32]) -> Self {
        let heap: Vec<usize> =
            std::iter::once(0).chain((0..counts.len()).filter(|&n| counts[n] > 0)).collect();
        let last = if heap.len() > 1 { heap[heap.len() - 1] } else { 0 };
        let depths = vec![0; counts.len()];
        let parents = vec![0; counts.len()];
        Tree { counts: counts.to_vec(), depths, parents, heap, joined: Vec::new(), last }
    }

    /// Makes two symbols occur if fewer do, and returns those that are made to.
    fn two_at_least(&mut self) -> Vec<usize> {
        let (mut forced, occurs) = (Vec::new(), self.heap.len() > 1);
        let mut next = if occurs { self.last + 1 } else { 0 };
        while self.heap.len() < 3 {
            let node = if next < 3 { next } else { 0 };
            next = next.max(node + 1);
            self.counts[node] = 1;
            self.heap.push(node);
            forced.push(node);
        }
        self.last = next - 1;
        forced
    }

    fn is_less(&self, one: usize, other: usize) -> bool {
        (self.counts[one], self.depths[one]) <= (self.counts[other], self.depths[other])
    }

    /// Moves what is at `at` of the heap down to its place.
    fn sink(&mut self, mut at: usize) {
        let (node, len) = (self.heap[at], self.heap.len() - 1);
        let mut below = 2 * at;
        while below <= len {
            if below < len && self.is_less(self.heap[below + 1], self.heap[below]) {
                below += 1;
            }
            if self.is_less(node, self.heap[below]) {
                break;
            }
            self.heap[at] = self.heap[below];
            at = below;
            below *= 2;
        }
        self.heap[at] = node;
    }

    /// Joins the two least nodes until there is one.
    fn grow(&mut self, symbols: usize) {
        (1..=(self.heap.len() - 1) / 2).rev().for_each(|at| self.sink(at));
        let mut node = symbols;
        loop {
            let one = self.heap.swap_remove(1);
            self.sink(1);
            let other = self.heap[1];
            self.joined.extend([one, other]);
            self.counts.push(self.counts[one] + self.counts[other]);
            self.depths.push(self.depths[one].max(self.depths[other]) + 1);
            self.parents.push(0);
            (self.parents[one], self.parents[other]) = (node, node);
            self.heap[1] = node;
            self.sink(1);
            node += 1;
            if self.heap.len() == 2 {
                break;
            }
        }
        self.joined.push(self.heap[1]);
        self.joined.reverse();
    }

    /// The length of each symbol's code, none longer than the longest. `by_length` is told how many have each length.
    fn lengths(&self, alphabet: &Alphabet, by_length: &mut [u32; CODE_MAX + 1]) -> Vec<u8> {
        let mut lengths = vec![0u8; self.counts.len()];
        let (mut excess, longest) = (0i32, alphabet.longest);
        for &node in &self.joined[1..] {
            let length = usize::from(lengths[self.parents[node]]) + 1;
            excess += i32::from(length > longest);
            let length = length.min(longest);
            lengths[node] = length as u8;
            if node < alphabet.symbols {
                by_length[length] += 1;
            }
        }
        if excess > 0 {
            shorten(excess, longest, by_length);
            let mut leaves = self.joined.iter().rev().filter(|node| **node < alphabet.symbols);
            for length in (1..=longest).rev() {
                for &leaf in leaves.by_ref().take(by_length[length] as usize) {
                    lengths[leaf] = length as u8;
                }
            }
        }
        lengths.truncate(alphabet.symbols);
        lengths
    }
}

/// Makes room for `excess` codes that were longer than the `longest`.
fn shorten(mut excess: i32, longest: usize, by_length: &mut [u32; CODE_MAX + 1]) {
    while excess > 0 {
        let mut length = longest - 1;
        while by_length[length] == 0 {
            length -= 1;
        }
        by_length[length] -= 1;
        by_length[length + 1] += 2;
        by_length[longest] -= 1;
        excess -= 2;
    }
}
