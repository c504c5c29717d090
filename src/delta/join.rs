//! Putting together what was found side by side: covers of all segments, in order, without a trace of where the target
//! was cut.

use super::cover::append_cover;
use super::extent::{common_prefix, common_suffix};
use super::{Base, Cover};

/// Returns `covers` of `target`, which are in order and do not overlap, those one that could be. A cover that ends or begins
/// at one of the `seams`, which are in order, grows over it as far as base and target agree.
pub(super) fn join(
    base: &Base<'_>,
    target: &[u8],
    mut covers: Vec<Cover>,
    seams: &[usize],
) -> Vec<Cover> {
    for index in 0..covers.len() {
        let Cover { start, len, offset } = covers[index];
        let floor = index.checked_sub(1).map_or(0, |before| covers[before].end());
        let ceiling = covers.get(index + 1).map_or(target.len() as u64, |after| after.start);
        let is_seam = |at: u64| seams.binary_search(&(at as usize)).is_ok();
        if floor < start && is_seam(start) {
            let head = &target[floor as usize..start as usize];
            let more = common_suffix(head, base.head(offset)) as u64;
            covers[index] = Cover { start: start - more, len: len + more, offset: offset - more };
        }
        if start + len < ceiling && is_seam(start + len) {
            let tail = &target[(start + len) as usize..ceiling as usize];
            covers[index].len += common_prefix(tail, base.tail(offset + len)) as u64;
        }
    }
    let mut joined: Vec<Cover> = Vec::with_capacity(covers.len());
    covers.into_iter().for_each(|cover| append_cover(&mut joined, cover));
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"the quick brown fox jumps over the lazy dog";

    fn cover(start: usize, end: usize) -> Cover {
        Cover { start: start as u64, len: (end - start) as u64, offset: start as u64 }
    }

    #[test]
    fn no_match_ends_at_a_seam_wherever_it_is() {
        let base = Base::new(vec![TEXT]);
        let whole = [cover(0, TEXT.len())];
        for seam in 1..TEXT.len() {
            for missed in 0..seam.min(TEXT.len() - seam) {
                let after = vec![cover(0, seam), cover(seam + missed, TEXT.len())];
                assert_eq!(join(&base, TEXT, after, &[seam]), whole);
                let before = vec![cover(0, seam - missed), cover(seam, TEXT.len())];
                assert_eq!(join(&base, TEXT, before, &[seam]), whole);
            }
        }
    }

    #[test]
    fn elsewhere_covers_stay_as_they_were_chosen() {
        let base = Base::new(vec![TEXT]);
        let chosen = vec![cover(0, 10), cover(20, 30)];
        assert_eq!(join(&base, TEXT, chosen.clone(), &[5, 25]), chosen);
    }
}
