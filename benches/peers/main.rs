//! The peer benchmark: Remora beside what else makes deltas, pair by pair, in one run.
//!
//! ```text
//! cargo bench --bench peers -- CORPUS_DIR [--pairs a,b] [--only remora,rdiff] [--rounds 3]
//! ```
//!
//! `CORPUS_DIR/<pair>/old` and `…/new` are OCI layouts of one image each. Every contender gets the
//! same: the base as all its layers' uncompressed tars, concatenated, and the target's layers that
//! the base does not have. Every delta is applied, and what comes out compared. What is printed also goes to
//! `target/peers/peers.json`, and bytes against seconds to make and to apply to `target/peers/peers.svg`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints")]

mod by_layer;
mod contender;
mod external;
mod ours;
mod pair;
mod plot;
mod process;
mod report;
mod trees;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

use crate::contender::{Contender, Outcome};
use crate::pair::Pair;
use crate::report::{PairReport, Report};

/// Any failure: a benchmark's only reader wants its text.
type Failure = Box<dyn Error>;

/// Compare Remora with other delta tools on pairs of real images.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder with a folder for each pair, in it the OCI layouts old and new
    corpus: PathBuf,
    /// Only these pairs
    #[arg(long, value_delimiter = ',')]
    pairs: Vec<String>,
    /// Only contenders whose name starts with one of these
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// How often each is run; the median is taken
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds after which a contender is stopped and called unfinished
    #[arg(long, default_value_t = 600)]
    time_limit: u64,
    /// Also run rsync on the unpacked images (needs root, rsync and umoci)
    #[arg(long)]
    rsync: bool,
    /// Where results and work files go
    #[arg(long, default_value = "target/peers")]
    output: PathBuf,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    std::fs::create_dir_all(&arguments.output)?;
    let contenders = chosen(&arguments);
    let mut report = Report::default();
    for name in pair_names(&arguments)? {
        let pair = Pair::prepare(&arguments.corpus.join(&name), &name, &arguments.output)?;
        let pair_report = run_pair(&pair, &contenders, &arguments)?;
        print!("{pair_report}");
        report.pairs.push(pair_report);
        // After every pair, so that an interrupted run leaves what it has.
        report.write(&arguments.output)?;
    }
    print!("{report}");
    println!("written to {0}/peers.json and {0}/peers.svg", arguments.output.display());
    Ok(())
}

fn chosen(arguments: &Arguments) -> Vec<Box<dyn Contender>> {
    let mut contenders = ours::contenders();
    contenders.extend(external::contenders(arguments.rsync));
    contenders.retain(|contender| {
        let only = &arguments.only;
        only.is_empty() || only.iter().any(|start| contender.name().starts_with(start.as_str()))
    });
    contenders
}

fn pair_names(arguments: &Arguments) -> Result<Vec<String>, Failure> {
    if !arguments.pairs.is_empty() {
        return Ok(arguments.pairs.clone());
    }
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&arguments.corpus)? {
        let entry = entry?;
        if entry.path().join("old/index.json").exists() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn run_pair(
    pair: &Pair,
    contenders: &[Box<dyn Contender>],
    arguments: &Arguments,
) -> Result<PairReport, Failure> {
    let mut report = PairReport::of(pair);
    let limit = Duration::from_secs(arguments.time_limit);
    for contender in contenders {
        eprintln!("{}: {} …", pair.name, contender.name());
        let work = fresh_folder(&arguments.output.join("work"))?;
        let outcome = match contender.missing() {
            Some(tool) => Outcome::Missing(tool),
            None => contender::run(contender.as_ref(), pair, &work, arguments.rounds, limit),
        };
        report.add(contender.name(), outcome);
    }
    Ok(report)
}

fn fresh_folder(path: &Path) -> Result<PathBuf, Failure> {
    if path.exists() {
        std::fs::remove_dir_all(path)?;
    }
    std::fs::create_dir_all(path)?;
    Ok(path.canonicalize()?)
}
