//! What prices and effort mean in figures: how hard to look, how long to think.
//!
//! All of it was chosen by measuring; `docs/encoder.md` has the figures.

use super::Search;
use super::prices::ExtraPrices;
use super::pricing::Figures;

/// The figures behind an encoder's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tuning {
    /// One in how many seeds of the base is a sample where it changed.
    pub(super) fine_step: usize,
    /// How often the choice of commands is made again with prices learnt from the last one. 0
    /// leaves the first, greedy choice.
    pub(super) rounds: usize,
    /// So many cells that are alike have their first prices from the first of them.
    pub(super) cells_per_lesson: usize,
    /// The shortest run worth noting on a displacement that is followed anyway.
    pub(super) shortest_run: usize,
    /// The first, greedy choice takes no shorter match.
    pub(super) shortest_greedy: u32,
    /// Inside a match at least this long nothing else is looked for, but for its last bytes.
    pub(super) settled: usize,
    /// So narrow a gap between two runs of one displacement has room for nothing else.
    pub(super) narrow: usize,
}

/// So many times the shortest run is the shortest match of the first choice. A choice that begins with few COPYs ends
/// better than one that begins with many: what is literal at first teaches what literals cost.
const GREEDY_RUNS: usize = 3;
/// The same if only size counts: several rounds have to reach more COPYs from there.
const GREEDY_RUNS_FOR_SIZE: usize = 2;

/// More would leave threads idle where little changed.
const CELLS_PER_LESSON: usize = 8;

impl Tuning {
    pub(super) fn new(search: &Search, figures: &Figures) -> Self {
        let shortest_run = ExtraPrices::new(figures).shortest_copy(figures);
        let thorough = figures.only_size;
        let level = search.effort.level();
        let (fine_step, rounds) = match (thorough, level) {
            (_, 1) => (64, 0),
            (false, 2..=3) => (32, 1),
            (false, 4..=6) => (16, 1),
            (false, 7..=8) => (4, 2),
            (true, 2..=3) => (16, 1),
            (true, 4..=6) => (6, 3),
            (true, 7..=8) => (4, 7),
            (_, _) => (2, if thorough { 10 } else { 4 }),
        };
        let greedy_runs = if thorough { GREEDY_RUNS_FOR_SIZE } else { GREEDY_RUNS };
        Tuning {
            fine_step,
            rounds,
            // Where prices are learnt but once, those of cells alike do as well. Where they are learnt again and again, each
            // cell ends with its own, and begins with its own.
            cells_per_lesson: if rounds == 1 { CELLS_PER_LESSON } else { 1 },
            shortest_run,
            shortest_greedy: (greedy_runs * shortest_run) as u32,
            settled: if thorough { 40 } else { 28 },
            narrow: shortest_run + 3,
        }
    }
}
