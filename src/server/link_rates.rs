//! What the links of each fleet's devices carry, from a file that may change while the server runs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::io_error;
use super::{LinkRateFile, ServerError};
use crate::small_file::read_small_text;

/// A line for each of ten thousand fleets.
const MAX_FILE: u64 = 1 << 20;

/// The file, and what it said last.
pub(super) struct LinkRates {
    file: LinkRateFile,
    known: Mutex<Known>,
}

/// What a file was read as, and what the last reading stumbled over, so that this is told once.
struct Known {
    rules: Arc<[Rule]>,
    trouble: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Rule {
    /// A fleet or repository, or with `*` at the end how its name begins.
    name: String,
    /// Bits a second.
    rate: u64,
}

impl LinkRates {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// [`ServerError::Serving`] if the file can't be read or a line of it is wrong.
    pub(super) fn open(file: &LinkRateFile) -> Result<Self, ServerError> {
        let rules = read(file).map_err(io_error("read", &file.path))?;
        let known = Mutex::new(Known { rules, trouble: None });
        Ok(LinkRates { file: file.clone(), known })
    }

    /// The link of `fleet` or, if the file does not name the fleet, of `repository`, in bits a second.
    /// The file is read anew, so that it can be edited at any time; while it is broken its last
    /// sound state counts.
    pub(super) fn of(&self, fleet: &str, repository: &str) -> Option<u64> {
        let rules = self.rules();
        let find = |name: &str| rules.iter().find(|rule| rule.is_for(name)).map(|rule| rule.rate);
        find(fleet).or_else(|| find(repository))
    }

    fn rules(&self) -> Arc<[Rule]> {
        let read = read(&self.file);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(rules) => *known = Known { rules, trouble: None },
            Err(error) => known.complain(&self.file.path, error.to_string()),
        }
        Arc::clone(&known.rules)
    }
}

impl Known {
    fn complain(&mut self, path: &Path, trouble: String) {
        if self.trouble.as_ref() != Some(&trouble) {
            let path = path.display();
            tracing::warn!("{path}: {trouble}; the link rates that were read before go on");
            self.trouble = Some(trouble);
        }
    }
}

impl Rule {
    fn is_for(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.name,
        }
    }
}

fn read(file: &LinkRateFile) -> std::io::Result<Arc<[Rule]>> {
    let text = read_small_text(&file.path, MAX_FILE)?;
    let rules = parse(&text, file.parse_rate);
    rules.map_err(|wrong| std::io::Error::new(std::io::ErrorKind::InvalidData, wrong))
}

/// Rules in the order of their lines: a name and a rate each, `#` begins a comment.
fn parse(text: &str, parse_rate: fn(&str) -> Result<u64, String>) -> Result<Arc<[Rule]>, String> {
    let lines = text.lines().enumerate().map(|(index, line)| {
        let line = line.split('#').next().unwrap_or_default();
        (index + 1, line.trim())
    });
    let lines = lines.filter(|(_, line)| !line.is_empty());
    lines.map(|(number, line)| rule(number, line, parse_rate)).collect()
}

fn rule(
    number: usize,
    line: &str,
    parse_rate: fn(&str) -> Result<u64, String>,
) -> Result<Rule, String> {
    let (name, rate) = line
        .split_once(char::is_whitespace)
        .ok_or_else(|| format!("line {number}: write a fleet or repository, then its link rate"))?;
    let rate = parse_rate(rate.trim()).map_err(|wrong| format!("line {number}: {wrong}"))?;
    Ok(Rule { name: name.to_owned(), rate })
}

impl std::fmt::Debug for LinkRates {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path: &PathBuf = &self.file.path;
        formatter.debug_struct("LinkRates").field("path", path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn number(text: &str) -> Result<u64, String> {
        text.parse().map_err(|_| "write a number".to_owned())
    }

    fn rates(path: &Path) -> Result<LinkRates, ServerError> {
        LinkRates::open(&LinkRateFile { path: path.to_owned(), parse_rate: number })
    }

    #[test]
    fn the_first_line_that_fits_counts_and_fleets_go_before_repositories() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = "# fleets\nships 64\nfactory-* 900 # fibre\nv2/a 5\n\nv2/* 6\n";
        fs::write(file.path(), lines).unwrap();
        let rates = rates(file.path()).expect("sound");
        for (fleet, repository, rate) in [
            ("ships", "v2/a", Some(64)),
            ("factory-berlin", "v2/z", Some(900)),
            ("others", "v2/a", Some(5)),
            ("", "v2/b", Some(6)),
            ("ship", "v3/a", None),
        ] {
            assert_eq!(rates.of(fleet, repository), rate, "{fleet} {repository}");
        }
    }

    #[test]
    fn a_change_counts_at_once_and_a_broken_one_not_at_all() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "* 1").unwrap();
        let rates = rates(file.path()).expect("sound");
        assert_eq!(rates.of("a", "b"), Some(1));
        fs::write(file.path(), "* 2").unwrap();
        assert_eq!(rates.of("a", "b"), Some(2));
        for broken in ["* fast", "*", "\0\u{fe} x"] {
            fs::write(file.path(), broken).unwrap();
            assert_eq!(rates.of("a", "b"), Some(2), "{broken:?}");
        }
        fs::remove_file(file.path()).unwrap();
        assert_eq!(rates.of("a", "b"), Some(2));
        fs::write(file.path(), "").unwrap();
        assert_eq!(rates.of("a", "b"), None);
    }

    #[test]
    fn a_server_does_not_start_with_a_broken_file_and_says_which_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, line) in [("a 1\nb", "line 2"), ("a 1\n# x\nb quick", "line 3")] {
            fs::write(file.path(), text).unwrap();
            let error = rates(file.path()).expect_err("broken").to_string();
            assert!(error.contains(line), "{error}");
        }
        assert!(rates(Path::new("/nowhere")).is_err());
    }
}
