use std::fs;
use std::io::{self, Read as _};

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::kept_layer::KeptLayer;
use super::super::object_id::ObjectId;
use super::super::{Store, StoreError};
use super::format::{self, Object, Parts};
use super::write::Contents;
use crate::image::{DiffId, Digest};
use crate::rootfs::{SparseFiles, Tree};
use crate::tar::test_archives::{TestHeader, archive, unended};

/// Sizes below, at and above all that decide where a content goes, and some that need no padding.
const SIZES: [usize; 9] = [0, 1, 127, 128, 512, 4095, 4096, 70_000, 131_072];

struct Kept {
    _folder: TempDir,
    store: Store,
    tar: Vec<u8>,
    diff_id: DiffId,
}

fn content(number: usize, size: usize) -> Vec<u8> {
    (0..size).map(|place| (place * (number + 3) + number) as u8).collect()
}

/// A layer of files of such sizes, kept as a recipe.
fn kept(sizes: &[usize]) -> Kept {
    let files = sizes.iter().enumerate().map(|(number, &size)| {
        let header = TestHeader::ustar(&format!("d/f{number}"), b'0', size).sealed(true);
        unended(&[&header, &content(number, size)])
    });
    let files: Vec<Vec<u8>> = files.collect();
    let tar = archive(&files.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path().join("store")).expect("store");
    let diff_id = DiffId(Digest::of(&tar));
    let layer = store.ensure(diff_id, || Ok(Box::new(&tar[..]))).expect("stored");
    let objects = store.objects().expect("objects");
    store.keep_recipe(&layer, &mut Contents::default(), objects).expect("kept");
    Kept { _folder: folder, store, tar, diff_id }
}

impl Kept {
    fn layer(&self) -> KeptLayer {
        self.store.kept_layer(self.diff_id).expect("readable").expect("there")
    }

    fn object(&self, number: usize) -> std::path::PathBuf {
        let id = ObjectId::of_content(Digest::of(&content(number, SIZES[number])));
        self.store.objects_folder().join(&id.to_string()[..2]).join(id.to_string())
    }
}

#[test]
fn a_layer_comes_out_of_its_recipe_bit_for_bit_and_its_tar_is_gone() {
    let kept = kept(&SIZES);
    assert!(!kept.store.layer_path(&kept.diff_id).exists());
    let layer = kept.layer();
    assert!(matches!(layer, KeptLayer::Recipe(_)));
    let mut read = Vec::new();
    layer.read().read_to_end(&mut read).expect("read");
    assert_eq!(read, kept.tar);
    layer.verify().expect("sound");
    let whole = kept.store.layer(kept.diff_id).expect("put together").expect("there");
    assert_eq!(&whole[..], &kept.tar[..]);
    assert_eq!(kept.store.count_objects().expect("counted").objects, 3, "contents from 4 KiB on");
}

#[test]
fn the_tree_of_a_recipe_is_that_of_its_tar() {
    let kept = kept(&SIZES);
    let layer = kept.layer();
    let view = layer.view().expect("opened");
    let (none, own) = (SparseFiles::kept_apart(&[view]), SparseFiles::of_layers(&[&kept.tar]));
    let (none, own) = (none.expect("read"), own.expect("read"));
    let tree = Tree::of(&[view], &none).expect("a tree");
    let whole = Tree::from_layers(&[&kept.tar], &own).expect("a tree");
    assert_eq!(tree.inode_count(), whole.inode_count());
    for number in 0..SIZES.len() {
        let path = format!("d/f{number}");
        let find = tree.find(path.as_bytes()).expect("there");
        let found = tree.inode(find).content().expect("a file");
        let expected = whole.inode(whole.find(path.as_bytes()).expect("there")).content();
        let mut bytes = Vec::new();
        found.copy(0..found.len(), &mut bytes).expect("read");
        assert_eq!(Some(&bytes[..]), expected, "{path}");
        assert_eq!(found.digest(), Digest::of(&bytes), "{path}");
    }
}

#[test]
fn a_changed_object_is_found_and_dropped_with_its_layer() {
    for change in [b"".as_slice(), b"x", &content(7, SIZES[7])[1..]] {
        let kept = kept(&SIZES);
        let layer = kept.layer();
        let path = kept.object(7);
        let mut changed = change.to_vec();
        changed.resize(change.len().min(SIZES[7]), 0);
        fs::remove_file(&path).expect("there");
        fs::write(&path, changed).expect("written");
        assert!(matches!(layer.verify(), Err(StoreError::Damaged { .. })));
        assert!(kept.store.kept_layer(kept.diff_id).expect("looked").is_none());
        assert!(!path.exists() && kept.object(8).exists());
    }
}

#[test]
fn a_lost_object_is_a_damaged_layer() {
    let kept = kept(&SIZES);
    fs::remove_file(kept.object(6)).expect("there");
    assert!(kept.store.layer(kept.diff_id).expect("no other failure").is_none());
}

#[test]
fn no_cut_or_flipped_recipe_is_taken_for_a_whole_one() {
    let kept = kept(&[3, 200, 5000]);
    let bytes = fs::read(kept.store.recipe_path(&kept.diff_id)).expect("read");
    let whole = format::read(&bytes[..], &mut Vec::new(), |_| Ok(())).expect("whole");
    for len in 0..bytes.len() {
        format::read(&bytes[..len], &mut Vec::new(), |_| Ok(())).expect_err("cut");
    }
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        // Some bits of zstd's frame header say nothing about the content.
        if let Ok(read) = format::read(&flipped[..], &mut Vec::new(), |_| Ok(())) {
            assert_eq!(read, whole, "byte {place}");
        }
    }
}

#[test]
fn recipes_that_contradict_themselves_are_refused() {
    let id = ObjectId::of_content(Digest::of(b"x"));
    let object = |len| Object { id, len };
    let piece = |own_len, object| {
        let mut parts = Parts { objects: vec![self::Object { id, len: 0 }], ..Parts::default() };
        parts.push(own_len, object);
        parts
    };
    let refused = |mut parts: Parts, own: usize, why: &str| {
        if why == "longer" {
            parts.size += 1;
        }
        let mut bytes = Vec::new();
        let write = |out: &mut dyn io::Write| out.write_all(&vec![0; own]);
        format::write(&parts, &mut bytes, write).expect("memory");
        format::read(&bytes[..], &mut Vec::new(), |_| Ok(())).expect_err(why);
    };
    refused(piece(5, None), 5, "longer");
    refused(piece(5, None), 4, "own bytes that end early");
    refused(piece(5, None), 6, "own bytes that go on");
    let mut unlisted = piece(5, Some(0));
    unlisted.objects.clear();
    refused(unlisted, 5, "an object that is not listed");
    let mut endless = piece(5, Some(0));
    endless.objects[0] = object(u64::MAX);
    refused(endless, 5, "an object without end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_part_of_a_layer_is_read_from_its_recipe_as_from_its_tar(
        sizes in prop::collection::vec(prop_oneof![0usize..600, 4000usize..9000], 1..12),
        places in prop::collection::vec((0.0f64..1.0, 0.0f64..1.0), 24),
    ) {
        let kept = kept(&sizes);
        let layer = kept.layer();
        for (a, b) in places {
            let at = |share: f64| (share * kept.tar.len() as f64) as usize;
            let (start, end) = (at(a.min(b)), at(a.max(b)));
            let mut part = Vec::new();
            layer.write(start as u64, (end - start) as u64, &mut part).expect("read");
            prop_assert_eq!(&part, &kept.tar[start..end]);
        }
    }
}

#[test]
fn a_damaged_file_of_a_deployment_makes_no_recipe_and_costs_no_tar() {
    let kept = kept(&SIZES);
    let tar = kept.store.layer(kept.diff_id).expect("put together").expect("there");
    let bytes = tar.to_vec();
    fs::remove_file(kept.store.recipe_path(&kept.diff_id)).expect("there");
    let layer = kept.store.ensure(kept.diff_id, || Ok(Box::new(&bytes[..]))).expect("stored");
    let path = kept.object(7);
    fs::remove_file(&path).expect("there");
    fs::write(&path, vec![1; SIZES[7]]).expect("written");
    let objects = kept.store.objects().expect("objects");
    let refused = kept.store.keep_recipe(&layer, &mut Contents::default(), objects);
    assert!(refused.is_err() && !path.exists());
    assert!(kept.store.layer_path(&kept.diff_id).exists());
    let objects = kept.store.objects().expect("objects");
    kept.store.keep_recipe(&layer, &mut Contents::default(), objects).expect("made anew");
    kept.layer().verify().expect("sound");
}
