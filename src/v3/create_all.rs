//! Making several deltas, of which all that is to do is known before the first is begun.

use super::create::{expect, load, make};
use super::{CreateOptions, Delta, V3Error};
use crate::image::Image;
use crate::measure::Measure;
use crate::progress::{Announced, Progress, Stage};
use crate::store::Store;

/// Makes the deltas of several pairs of base and target, one after another; `begin` is told the number of each
/// pair before its delta is begun. Otherwise the same as [`create`](super::create).
///
/// # Errors
/// The same as those of [`create`](super::create), for the first pair that has one. Nothing is left behind.
pub fn create_all(
    pairs: &[(&Image, &Image)],
    store: &Store,
    options: &CreateOptions,
    begin: &dyn Fn(usize),
    progress: &dyn Progress,
) -> Result<Vec<Delta>, V3Error> {
    // All layers at once, and held until the end: what is to be fetched is known from the first byte on.
    let images: Vec<&Image> = pairs.iter().flat_map(|(base, target)| [*base, *target]).collect();
    let _kept = store.ensure_layers(&images, progress)?;
    let loaded = pairs.iter().map(|(base, target)| load(base, target, store, options, progress));
    let loaded = loaded.collect::<Result<Vec<_>, _>>()?;
    loaded.iter().for_each(|pair| expect(pair, options, progress));
    let announced = Announced::new(progress, &[Stage::Index, Stage::Encode, Stage::Verify]);
    let deltas = loaded.iter().enumerate().map(|(number, pair)| {
        begin(number);
        make(pair, store, options, &Measure::start(progress), &announced)
    });
    deltas.collect()
}
