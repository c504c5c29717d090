//! Pairs as they are written: arguments and a file.

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use remora::api::WantedPair;
use remora::small_file::read_small_file;

use crate::cli::failure::Failure;

/// The longest file: what a server takes at once is shorter.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Reads `SRC=DEST`.
pub(super) fn parse(text: &str) -> Result<WantedPair, String> {
    match text.split_once('=') {
        Some((src, dest)) if !src.is_empty() && !dest.is_empty() => Ok(WantedPair::new(src, dest)),
        _ => Err("write SRC=DEST, two image references".to_owned()),
    }
}

/// Reads a JSON list of pairs; `-` is standard input.
pub(super) fn read(path: &Path) -> Result<Vec<WantedPair>, Failure> {
    let name = path.display();
    let read = match path.as_os_str() == "-" {
        true => {
            let mut bytes = Vec::new();
            let stdin = io::stdin().lock().take(MAX_FILE_BYTES);
            { stdin }.read_to_end(&mut bytes).map(|_| bytes)
        }
        false => read_small_file(path, MAX_FILE_BYTES),
    };
    let bytes = read.map_err(|error| Failure::io(format!("cannot read {name}"), &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let hint = "write [{\"src\": REFERENCE, \"dest\": REFERENCE}, …]";
        Failure::usage(format!("{name} is no list of pairs: {error}"), hint)
    })
}

/// Leaves out what is there already: a pair is asked for and told of once, however often it was written.
pub(super) fn leave_out_repeated(pairs: &mut Vec<WantedPair>) {
    let mut seen = HashSet::new();
    pairs.retain(|pair| seen.insert((pair.src.clone(), pair.dest.clone(), pair.format.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_is_written_twice_is_one_unless_the_formats_differ() {
        let pair = |format: &str| {
            let mut pair = WantedPair::new("a:1", "a:2");
            pair.format = Some(format.to_owned());
            pair
        };
        let mut pairs = vec![pair("v3"), pair("remora"), pair("v3"), WantedPair::new("a:1", "a:3")];
        leave_out_repeated(&mut pairs);
        assert_eq!(pairs, [pair("v3"), pair("remora"), WantedPair::new("a:1", "a:3")]);
    }

    #[test]
    fn a_pair_is_two_references() {
        let pair = parse("r/a:1=r/b@sha256:0").expect("a pair");
        assert_eq!((pair.src.as_str(), pair.dest.as_str()), ("r/a:1", "r/b@sha256:0"));
        for text in ["", "r/a", "=r/b", "r/a="] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
