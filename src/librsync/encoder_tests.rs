//! Rules that hold for every encoder: its commands make the target, alike for any number of threads.

use proptest::prelude::*;

use super::*;
use crate::delta::{Algorithm, Base, Command, Encoder, Goal, Options};

/// An edit of a base that makes a target.
#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, Vec<u8>),
    Delete(usize, usize),
    Flip(usize),
    Move(usize, usize, usize),
    Repeat(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<usize>();
    prop_oneof![
        (at, prop::collection::vec(any::<u8>(), 0..300))
            .prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (at, 0..5000usize).prop_map(|(at, len)| Edit::Delete(at, len)),
        at.prop_map(Edit::Flip),
        (at, at, 0..5000usize).prop_map(|(from, to, len)| Edit::Move(from, to, len)),
        (at, 0..3000usize).prop_map(|(at, len)| Edit::Repeat(at, len)),
    ]
}

fn apply_edit(bytes: &mut Vec<u8>, edit: &Edit) {
    let len = bytes.len();
    let place = |at: usize| at.checked_rem(len).unwrap_or(0);
    match edit {
        Edit::Insert(at, new) => drop(bytes.splice(place(*at)..place(*at), new.iter().copied())),
        Edit::Delete(at, n) => drop(bytes.drain(place(*at)..(place(*at) + n).min(len))),
        Edit::Flip(at) if len > 0 => bytes[place(*at)] ^= 0x55,
        Edit::Flip(_) => {}
        Edit::Move(from, to, n) => {
            let moved: Vec<u8> = bytes.drain(place(*from)..(place(*from) + n).min(len)).collect();
            let to = to.checked_rem(bytes.len()).unwrap_or(0);
            bytes.splice(to..to, moved);
        }
        Edit::Repeat(at, n) => {
            let again = bytes[place(*at)..(place(*at) + n).min(len)].to_vec();
            bytes.extend(again);
        }
    }
}

/// Bytes that look a little like real content: noise, zeros, and repeats of themselves.
fn content(max: usize) -> impl Strategy<Value = Vec<u8>> {
    let stretch = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2000),
        (0..3000usize).prop_map(|len| vec![0; len]),
        (prop::collection::vec(any::<u8>(), 1..40), 1..60usize)
            .prop_map(|(unit, n)| unit.repeat(n)),
    ];
    prop::collection::vec(stretch, 0..12).prop_map(move |stretches| {
        let mut bytes = stretches.concat();
        bytes.truncate(max);
        bytes
    })
}

fn encode(base: &[&[u8]], target: &[u8], options: Options) -> Vec<Command> {
    let base = Base::new(base.to_vec());
    let targets = [target];
    let prices = Prices::of_goal(&options.goal);
    let encoder = Encoder::new(&base, &targets, &prices, options.search(), &|_| true).unwrap();
    encoder.encode(0, &|_| true)
}

fn rebuild(base: &[&[u8]], target: &[u8], commands: &[Command]) -> Vec<u8> {
    let mut stream = Vec::new();
    write_stream(target, commands, &mut stream).unwrap();
    let mut ours = Vec::new();
    patch(&Base::new(base.to_vec()), &stream[..], &mut ours, u64::MAX).unwrap();
    let mut theirs = Vec::new();
    fast_rsync::apply(&base.concat(), &stream, &mut theirs).unwrap();
    assert!(ours == theirs, "fast_rsync reads the stream otherwise");
    ours
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

fn all_options() -> Vec<Options> {
    let mut all = Vec::new();
    for algorithm in [Algorithm::Fine, Algorithm::Rsync] {
        for goal in [Goal::Size, Goal::default()] {
            all.push(Options { algorithm, goal, ..Options::default() });
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn commands_make_the_target(
        old in content(20_000),
        cut in any::<usize>(),
        edits in prop::collection::vec(edit(), 0..8),
    ) {
        let mut new = old.clone();
        edits.iter().for_each(|edit| apply_edit(&mut new, edit));
        let (below, above) = old.split_at(cut.checked_rem(old.len()).unwrap_or(0));
        for options in all_options() {
            let commands = encode(&[below, above], &new, options);
            prop_assert!(rebuild(&[below, above], &new, &commands) == new);
            prop_assert!(commands.iter().all(|command| !command.is_empty()));
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_commands(
        old in content(20_000),
        edits in prop::collection::vec(edit(), 0..8),
    ) {
        let mut new = old.clone();
        edits.iter().for_each(|edit| apply_edit(&mut new, edit));
        for options in all_options() {
            let one = with_threads(1, || encode(&[&old], &new, options));
            for threads in [2, 16] {
                prop_assert_eq!(&with_threads(threads, || encode(&[&old], &new, options)), &one);
            }
        }
    }
}

#[test]
fn empty_and_tiny_inputs_are_encoded() {
    for options in all_options() {
        for (old, new) in [("", ""), ("", "a"), ("a", ""), ("a", "a"), ("abc", "abcd")] {
            let commands = encode(&[old.as_bytes()], new.as_bytes(), options);
            assert_eq!(rebuild(&[old.as_bytes()], new.as_bytes(), &commands), new.as_bytes());
        }
    }
}

/// The size of a delta stream as a gzip'ed blob.
fn blob_bytes(target: &[u8], commands: &[Command]) -> usize {
    let mut stream = Vec::new();
    write_stream(target, commands, &mut stream).unwrap();
    let level = libdeflater::CompressionLvl::best();
    let mut compressor = libdeflater::Compressor::new(level);
    let mut blob = vec![0; compressor.gzip_compress_bound(stream.len())];
    compressor.gzip_compress(&stream, &mut blob).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn fine_is_never_larger_than_matching_by_blocks(
        old in content(20_000),
        edits in prop::collection::vec(edit(), 0..8),
    ) {
        let mut new = old.clone();
        edits.iter().for_each(|edit| apply_edit(&mut new, edit));
        let blocks = Options { algorithm: Algorithm::Rsync, ..Options::default() };
        let blocks = blob_bytes(&new, &encode(&[&old], &new, blocks));
        for goal in [Goal::Size, Goal::default()] {
            let fine = encode(&[&old], &new, Options { goal, ..Options::default() });
            prop_assert!(blob_bytes(&new, &fine) <= blocks, "{goal:?} {} {}", blob_bytes(&new, &fine), blocks);
        }
    }
}
