//! Random pairs of trees.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use remora::v2::V2Error;

use super::tree::{Attributes, Kind, PLAIN, Tree};
use super::{assert_applies, cases, delta, every_option, written};

/// What is done to one of the trees, or to both.
#[derive(Debug, Clone)]
struct Change {
    to_base: bool,
    to_target: bool,
    path: Vec<u8>,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Put(Kind, Attributes),
    Link(Vec<u8>),
    Set(Attributes),
    Remove,
}

/// Few names, so that changes meet: some in the order's corners.
fn paths() -> impl Strategy<Value = Vec<u8>> {
    let name = prop::sample::select(vec!["a", "b", "a-b", "a.b", "A", "\u{7f}", " \n", "longer"]);
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/").into_bytes())
}

fn kinds() -> impl Strategy<Value = Kind> {
    let file = (0u8..6, 0usize..4).prop_map(|(seed, len)| {
        let len = [0, 5, 300, 5_000][len];
        let content =
            (0..len).map(|at| (at / 7 * (at % 31) + usize::from(seed) * (at % 977 / 900)) as u8);
        Kind::File(content.collect())
    });
    prop_oneof![
        3 => Just(Kind::Directory),
        8 => file,
        2 => "[ab]{1,3}".prop_map(|target| Kind::Symlink(target.into_bytes())),
        1 => (1u32..3, 1u32..4).prop_map(|(major, minor)| Kind::CharDevice(major, minor)),
        1 => Just(Kind::BlockDevice(8, 1)),
        1 => Just(Kind::Fifo),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let modes = prop::sample::select(vec![0o644, 0o755, 0o4711, 0o600]);
    let ids = prop::sample::select(vec![0, 1000, 3_000_000_000]);
    let seconds = prop::sample::select(vec![0, 1_600_000_000, 1_600_000_001, -77]);
    let nanoseconds = prop::sample::select(vec![0, 0, 0, 500_000_000]);
    (modes, ids, seconds, nanoseconds).prop_map(|(mode, uid, seconds, nanoseconds)| Attributes {
        mode,
        uid,
        seconds,
        nanoseconds,
        ..PLAIN
    })
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let what = prop_oneof![
        6 => (kinds(), attributes()).prop_map(|(kind, attributes)| What::Put(kind, attributes)),
        3 => paths().prop_map(What::Link),
        2 => attributes().prop_map(What::Set),
        1 => Just(What::Remove),
    ];
    let to =
        prop_oneof![4 => Just((true, true)), 1 => Just((true, false)), 1 => Just((false, true))];
    let change = (to, paths(), what).prop_map(|((to_base, to_target), path, what)| Change {
        to_base,
        to_target,
        path,
        what,
    });
    prop::collection::vec(change, 0..40)
}

fn trees(changes: &[Change]) -> (Tree, Tree) {
    let (mut base, mut target) = (Tree::new(), Tree::new());
    for Change { to_base, to_target, path, what } in changes {
        let trees = [(*to_base, &mut base), (*to_target, &mut target)];
        for (_, tree) in trees.into_iter().filter(|(to, _)| *to) {
            match what {
                What::Put(kind, attributes) => tree.put(path, kind.clone(), *attributes),
                What::Link(to) => tree.link(path, to),
                What::Set(attributes) => tree.set(path, *attributes),
                What::Remove => tree.remove(path),
            }
        }
    }
    (base, target)
}

fn run(cases: u32, test: impl Fn(&Tree, &Tree, usize) -> Result<(), V2Error>) {
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let strategy = (changes(), 0usize..4);
    let outcome = runner.run(&strategy, |(changes, options)| {
        let (base, target) = trees(&changes);
        match test(&base, &target, options) {
            // What rsync cannot do is refused; there is nothing to apply then.
            Ok(()) | Err(V2Error::NotTransferable { .. }) => Ok(()),
            Err(error) => Err(TestCaseError::fail(format!("{error}: {error:?}"))),
        }
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Every delta is read back as it is made, and applied to a model of a device.
#[test]
fn random_trees_are_turned_into_each_other_by_a_model_of_rsync() {
    run(2_000, |base, target, options| delta(base, target, &every_option()[options]).map(drop));
}

/// The same with the real one. `REMORA_RSYNC_CASES` sets how many pairs are tried.
#[test]
fn random_trees_are_turned_into_each_other_by_rsync() {
    run(cases("REMORA_RSYNC_CASES", 200), |base, target, options| {
        let delta = delta(base, target, &every_option()[options])?;
        assert_applies(&delta, written(base).path(), written(target).path());
        Ok(())
    });
}
