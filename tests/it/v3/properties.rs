//! apply(create(x, y)) = y, for images that nobody thought of.

use proptest::collection::vec;
use proptest::prelude::*;
use remora::delta::Algorithm;
use remora::v3::CreateOptions;

use super::{apply, create};
use crate::images::{Bench, ImageBuilder, image, layer_tar, noise};

/// How a layer of the target comes about.
#[derive(Debug, Clone)]
enum Origin {
    /// A base layer, untouched.
    Kept(usize),
    /// A base layer with a range moved elsewhere and a few bytes overwritten.
    Edited { layer: usize, from: usize, to: usize, len: usize, bytes: Vec<u8> },
    /// Something new.
    New(Vec<u8>),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        (any::<u64>(), 0usize..20_000).prop_map(|(seed, len)| noise(seed, len)),
        (any::<u8>(), 0usize..20_000).prop_map(|(byte, len)| vec![byte; len]),
        (vec(any::<u8>(), 1..40), 0usize..600).prop_map(|(unit, count)| unit.repeat(count)),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    let index = any::<usize>;
    prop_oneof![
        index().prop_map(Origin::Kept),
        (index(), index(), index(), 0usize..5_000, vec(any::<u8>(), 0..20)).prop_map(
            |(layer, from, to, len, bytes)| Origin::Edited { layer, from, to, len, bytes }
        ),
        bytes().prop_map(Origin::New),
    ]
}

fn target_layer(base: &[Vec<u8>], origin: &Origin) -> Vec<u8> {
    match origin {
        Origin::Kept(layer) => base[layer % base.len()].clone(),
        Origin::New(bytes) => bytes.clone(),
        Origin::Edited { layer, from, to, len, bytes } => {
            let mut edited = base[layer % base.len()].clone();
            let from = from % (edited.len() + 1);
            let moved: Vec<u8> = edited.drain(from..(from + len).min(edited.len())).collect();
            let to = to % (edited.len() + 1);
            edited.splice(to..to, moved);
            let end = (to + bytes.len()).min(edited.len());
            edited.splice(to..end, bytes.iter().copied());
            edited
        }
    }
}

fn image_of(layers: &[Vec<u8>]) -> ImageBuilder {
    layers.iter().fold(image(), |image, layer| image.layer(layer))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_made_from_any_two_images_applies(
        base in vec(bytes(), 1..4),
        origins in vec(origin(), 0..4),
        rsync in any::<bool>(),
    ) {
        let target: Vec<Vec<u8>> =
            origins.iter().map(|origin| target_layer(&base, origin)).collect();
        let bench = Bench::new();
        let base = bench.put("base", &image_of(&base).build());
        let expected = bench.put("target", &image_of(&target).build());
        let algorithm = if rsync { Algorithm::Rsync } else { Algorithm::Fine };
        let mut options = CreateOptions::default();
        options.encoding.algorithm = algorithm;
        let delta = create(&bench, &base, &expected, &options).expect("made");
        let delta = bench.put("delta", delta.contents());
        let rebuilt = apply(&bench, &base, &delta).expect("applies");
        let rebuilt = bench.put("rebuilt", rebuilt.contents());
        prop_assert_eq!(rebuilt.id(), expected.id());
        for (index, layer) in target.iter().enumerate() {
            prop_assert!(&layer_tar(&rebuilt, index) == layer);
        }
    }
}
