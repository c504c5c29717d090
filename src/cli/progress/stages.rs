//! The stages and their order.

use remora::progress::Stage;

/// All stages, in the order they are shown.
pub(super) const STAGES: [Stage; 6] =
    [Stage::Fetch, Stage::Index, Stage::Encode, Stage::Verify, Stage::Push, Stage::Unpack];

/// The place of a stage in [`STAGES`].
pub(super) fn place(stage: Stage) -> usize {
    stage as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_its_place() {
        for (index, stage) in STAGES.into_iter().enumerate() {
            assert_eq!(place(stage), index);
        }
    }
}
