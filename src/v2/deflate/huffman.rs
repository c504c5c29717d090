//! Prefix codes: lengths from frequencies, codes from lengths (RFC 1951, 3.2.2).

/// The longest code of literals, lengths and distances.
pub(super) const LIMIT: usize = 15;

/// The code lengths of an optimal prefix code for `frequencies`, none longer than `limit`. Symbols
/// that do not occur get 0. At least two symbols get a code, as some decoders want it.
pub(super) fn lengths(frequencies: &[u32], limit: usize) -> Vec<u8> {
    let mut used: Vec<(u32, usize)> = Vec::new();
    used.extend(
        (0..frequencies.len()).filter(|&at| frequencies[at] > 0).map(|at| (frequencies[at], at)),
    );
    let unused = (0..frequencies.len()).filter(|&at| frequencies[at] == 0);
    used.extend(unused.map(|at| (1, at)).take(2usize.saturating_sub(used.len())));
    used.sort_unstable();
    let mut counts = counts(&used.iter().map(|&(frequency, _)| frequency).collect::<Vec<_>>());
    shorten(&mut counts, limit);
    let mut lengths = vec![0; frequencies.len()];
    // The rarest symbols come first and take the longest codes.
    let mut rarest = used.iter();
    for len in (1..counts.len()).rev() {
        for (_, symbol) in rarest.by_ref().take(counts[len]) {
            lengths[*symbol] = len as u8;
        }
    }
    lengths
}

/// How many codes of each length an optimal code for rising `frequencies` has.
fn counts(frequencies: &[u32]) -> Vec<usize> {
    // Huffman's algorithm with two queues: leaves, and nodes in the order in which they are made.
    let leaves = frequencies.len();
    let mut weights: Vec<u64> = frequencies.iter().map(|&frequency| frequency.into()).collect();
    let mut parents = vec![0; 2 * leaves - 1];
    let (mut leaf, mut node) = (0, leaves);
    for made in leaves..2 * leaves - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let take_leaf = leaf < leaves && (node >= made || weights[leaf] <= weights[node]);
            let taken = if take_leaf { &mut leaf } else { &mut node };
            weight += weights[*taken];
            parents[*taken] = made;
            *taken += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0usize; 2 * leaves - 1];
    let mut counts = vec![0; leaves.max(2)];
    for at in (0..2 * leaves - 2).rev() {
        depths[at] = depths[parents[at]] + 1;
        if at < leaves {
            counts[depths[at]] += 1;
        }
    }
    counts
}

/// Makes no code longer than `limit`, at little cost: too long codes become `limit` long, and for
/// each surplus one shorter code is split.
fn shorten(counts: &mut Vec<usize>, limit: usize) {
    if counts.len() <= limit + 1 {
        return;
    }
    let surplus: usize = counts.drain(limit + 1..).sum();
    counts[limit] += surplus;
    let whole = 1usize << limit;
    let mut taken: usize = (1..=limit).map(|len| counts[len] << (limit - len)).sum();
    while taken > whole {
        let len = (1..limit).rev().find(|&len| counts[len] > 0).expect("there are shorter codes");
        // One code of `len` becomes two of `len + 1`, one of them in place of one of `limit`.
        counts[len] -= 1;
        counts[len + 1] += 2;
        counts[limit] -= 1;
        taken -= 1;
    }
}

/// The codes for `lengths`, bits reversed, ready to be written lowest bit first.
pub(super) fn codes(lengths: &[u8]) -> Vec<u16> {
    let mut next = [0u32; LIMIT + 2];
    for &len in lengths.iter().filter(|&&len| len > 0) {
        next[usize::from(len) + 1] += 1;
    }
    // The number of codes one shorter becomes the first code of each length.
    let mut code = 0;
    for next in &mut next[1..] {
        code = (code + *next) << 1;
        *next = code;
    }
    lengths
        .iter()
        .map(|&len| {
            let code = next[usize::from(len)];
            next[usize::from(len)] += u32::from(len > 0);
            if len == 0 { 0 } else { (code as u16).reverse_bits() >> (16 - len) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn codes_are_complete_and_no_longer_than_allowed(
            frequencies in prop::collection::vec((0u32..20).prop_map(|n| 3u32.saturating_pow(n) / 3), 2..60),
            limit in 7usize..=15,
        ) {
            let lengths = lengths(&frequencies, limit);
            let taken: f64 = lengths.iter().filter(|&&len| len > 0).map(|&len| 0.5f64.powi(len.into())).sum();
            prop_assert_eq!(taken, 1.0);
            prop_assert!(lengths.iter().all(|&len| usize::from(len) <= limit));
            for (frequency, len) in frequencies.iter().zip(&lengths) {
                prop_assert!(*frequency == 0 || *len > 0);
            }
        }
    }

    #[test]
    fn codes_count_up_by_length_as_in_the_rfc() {
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let forward: Vec<u16> = codes
            .iter()
            .zip([3, 3, 3, 3, 3, 2, 4, 4])
            .map(|(code, len)| code.reverse_bits() >> (16 - len))
            .collect();
        assert_eq!(forward, [2, 3, 4, 5, 6, 0, 14, 15]);
    }
}
