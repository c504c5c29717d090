//! Kinds of delta as `--format` takes them.

use clap::ValueEnum;
use clap::builder::PossibleValue;
use remora::Dialect;

/// A kind of delta that was chosen.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Format(pub(super) Dialect);

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        const ALL: [Format; Dialect::ALL.len()] = {
            let mut all = [Format(Dialect::ALL[0]); Dialect::ALL.len()];
            let mut index = 1;
            while index < all.len() {
                all[index] = Format(Dialect::ALL[index]);
                index += 1;
            }
            all
        };
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name()).help(self.0.summary()))
    }
}
