//! Remora itself, with the settings people choose between.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::Failure;
use crate::contender::{Contender, Made};
use crate::pair::Pair;
use crate::process::{self, Usage};

/// Remora with these options.
struct Remora(&'static [&'static str]);

/// Remora's settings that are compared.
pub(crate) fn contenders() -> Vec<Box<dyn Contender>> {
    let settings: [&'static [&'static str]; 8] = [
        &[],
        &["--prefer", "size"],
        &["--effort", "1"],
        &["--effort", "9", "--prefer", "size"],
        &["--format", "remora"],
        &["--format", "remora", "--effort", "3"],
        &["--format", "remora", "--effort", "9"],
        &["--format", "oci-delta"],
    ];
    settings.into_iter().map(|options| Box::new(Remora(options)) as Box<dyn Contender>).collect()
}

/// The `remora` of this build, silent, with a store that has every layer.
fn remora(pair: &Pair, command: &str) -> Command {
    let mut remora = Command::new(env!("CARGO_BIN_EXE_remora"));
    remora.arg(command).args(["--quiet", "--store"]).arg(&pair.store);
    remora
}

fn reference(layout: &Path) -> String {
    format!("oci:{}", layout.display())
}

impl Contender for Remora {
    fn name(&self) -> String {
        ["remora", &self.0.join(" ")].join(" ").trim_end().to_owned()
    }

    fn missing(&self) -> Option<String> {
        None
    }

    fn encode(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Made, Failure> {
        let answer = work.join("answer.json");
        let mut create = remora(pair, "create");
        create.args([reference(&pair.old), reference(&pair.new)]).args(self.0).arg("--json");
        create.arg("--output").arg(format!("oci:{}:delta", work.join("delta").display()));
        create.stdout(Stdio::from(std::fs::File::create(&answer)?));
        let usage = process::run(&mut create, limit)?;
        let answer: Value = serde_json::from_slice(&std::fs::read(answer)?)?;
        let bytes = answer["total"]["delta_bytes"].as_u64().ok_or("no total.delta_bytes")?;
        Ok(Made { bytes, usage })
    }

    /// Into an archive, whose layers are plain tars as others' results are; layers that have not changed are in there too.
    fn apply(&self, pair: &Pair, work: &Path, limit: Duration) -> Result<Usage, Failure> {
        let (answer, rebuilt) = (work.join("applied.json"), work.join("rebuilt.tar"));
        let mut apply = remora(pair, "apply");
        apply.arg(reference(&pair.old)).arg(format!("oci:{}:delta", work.join("delta").display()));
        apply.args(["--json", "--replace", "--output"]);
        apply.arg(format!("docker-archive:{}:rebuilt:1", rebuilt.display()));
        apply.stdout(Stdio::from(std::fs::File::create(&answer)?));
        let usage = process::run(&mut apply, limit)?;
        let answer: Value = serde_json::from_slice(&std::fs::read(answer)?)?;
        match answer["target_id"] == pair.target_id.as_str() {
            true => Ok(usage),
            false => Err("the rebuilt image is not the target".into()),
        }
    }
}
