//! The check of a new deployment: a command that is run in it before it becomes current.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::running::{Watch, begin};
use super::runtime::Runtime;
use super::{DeployError, DeploymentName};
use crate::small_file::read_small_file;
use crate::user_namespace::has_entered;

/// How long a check may take if nobody says.
const USUAL_TIME: Duration = Duration::from_secs(60);
/// How often it is looked whether a check has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Bytes of a bundle's configuration.
pub(super) const MAX_CONFIG_BYTES: u64 = 16 << 20;
/// Bytes of what a check printed that are shown.
const SHOWN_BYTES: usize = 2_000;
/// The shell of the image that the command is for.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];
/// Where the check's configuration and state are, in the deployment's folder.
const FOLDER: &str = "check";
/// Where the runtime writes down what runs, in that.
const STATE: &str = "state";
/// The file that the runtime makes there when the command has started.
const STARTED: &str = "started";
/// How long the last words of a check are waited for.
const LAST_WORDS_TIME: Duration = Duration::from_millis(200);

/// A command that must succeed in the new deployment, in a container of its own.
#[derive(Debug, Clone)]
pub struct Check {
    command: String,
    runtime: Runtime,
    time: Duration,
}

impl Check {
    /// The command line `command` for the image's own shell, run by `runtime`.
    pub fn new(command: impl Into<String>, runtime: Runtime) -> Self {
        Check { command: command.into(), runtime, time: USUAL_TIME }
    }

    /// The same check, which may take so long.
    pub fn within(self, time: Duration) -> Self {
        Check { time, ..self }
    }

    /// Runs the command in the bundle `bundle`. What that takes is in `folder` meanwhile.
    pub(super) fn run(
        &self,
        name: &DeploymentName,
        bundle: &Path,
        folder: &Path,
    ) -> Result<(), DeployError> {
        // Runtimes refuse files that lie behind a link.
        let bundle = fs::canonicalize(bundle).map_err(DeployError::io("use", bundle))?;
        let place = folder.join(FOLDER);
        fs::create_dir(&place).map_err(DeployError::io("make", &place))?;
        let ended = self.run_in(name, &bundle, folder, &place);
        let removed = fs::remove_dir_all(&place).map_err(DeployError::io("remove", &place));
        ended.and(removed)
    }

    fn run_in(
        &self,
        name: &DeploymentName,
        bundle: &Path,
        folder: &Path,
        place: &Path,
    ) -> Result<(), DeployError> {
        let config = bundle.join("config.json");
        let bytes = read_small_file(&config, MAX_CONFIG_BYTES);
        let bytes = bytes.map_err(DeployError::io("read", &config))?;
        let parsed = serde_json::from_slice(&bytes).map_err(io::Error::from);
        let parsed = parsed.map_err(DeployError::io("read", &config))?;
        let own = place.join("config.json");
        let checked = check_config(parsed, &self.command, bundle, has_entered());
        fs::write(&own, checked.to_string()).map_err(DeployError::io("write", &own))?;
        let id = format!("{name}-check-{}", std::process::id());
        let state = place.join(STATE);
        let started = place.join(STARTED);
        let mut command = self.runtime.command(&state, place, Some(&started), &id);
        let said = Said::of(&mut command).map_err(self.runtime.failed())?;
        command.stdin(Stdio::null());
        let watch = begin(folder, &mut command, &self.runtime, (&state, &id));
        let watch = watch.map_err(self.runtime.failed())?;
        // The other end of its output is now the child's alone.
        drop(command);
        let ended = self.wait(watch).map_err(self.runtime.failed())?;
        match ended {
            Some(status) if status.success() => Ok(()),
            Some(_) if !started.exists() => {
                Err(DeployError::CheckNotStarted { name: name.clone(), said: said.text() })
            }
            ended => Err(DeployError::CheckFailed {
                name: name.clone(),
                how: describe(ended, self.time, &said.text()),
            }),
        }
    }

    /// Waits for the end; `None` if it does not come in time. Nothing runs any more then.
    fn wait(&self, watch: Watch<'_>) -> io::Result<Option<ExitStatus>> {
        let begun = Instant::now();
        loop {
            if let Some(status) = watch.look()? {
                return Ok(Some(status));
            }
            if begun.elapsed() >= self.time {
                return Ok(None);
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

/// The configuration of the check: the deployment's own, with another command. In a namespace of users already, it has
/// no other.
fn check_config(mut config: Value, command: &str, bundle: &Path, in_namespace: bool) -> Value {
    config["process"]["args"] = json!([SHELL[0], SHELL[1], command]);
    config["process"]["terminal"] = json!(false);
    config["root"]["path"] = json!(bundle.join("rootfs"));
    config["root"]["readonly"] = json!(true);
    if let Some(mounts) = config.get_mut("mounts").and_then(Value::as_array_mut) {
        // A layer that keeps changes is the deployment's own: a check leaves none there.
        mounts.retain(|mount| mount["destination"] != "/");
    }
    if in_namespace && let Some(linux) = config["linux"].as_object_mut() {
        linux.remove("uidMappings");
        linux.remove("gidMappings");
        if let Some(kinds) = linux.get_mut("namespaces").and_then(Value::as_array_mut) {
            kinds.retain(|kind| kind["type"] != "user");
        }
    }
    config
}

/// The end of what a check prints, however much that is.
struct Said {
    end: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Said {
    /// Takes what `command` will print.
    fn of(command: &mut Command) -> io::Result<Self> {
        let (mut reader, writer) = io::pipe()?;
        command.stdout(writer.try_clone()?).stderr(writer);
        let end = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&end);
        let read = move || {
            let mut piece = [0; SHOWN_BYTES];
            while let Ok(len @ 1..) = reader.read(&mut piece) {
                let mut end = shared.lock().unwrap_or_else(PoisonError::into_inner);
                end.extend_from_slice(&piece[..len]);
                let surplus = end.len().saturating_sub(SHOWN_BYTES);
                end.drain(..surplus);
            }
        };
        let reader = std::thread::Builder::new().name("check".to_owned()).spawn(read)?;
        Ok(Said { end, reader })
    }

    /// Returns the end of it, in one piece. What still holds the pipe is not waited for long.
    fn text(&self) -> String {
        let begun = Instant::now();
        while !self.reader.is_finished() && begun.elapsed() < LAST_WORDS_TIME {
            std::thread::sleep(LOOK_INTERVAL);
        }
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&end).trim().to_owned()
    }
}

/// Ends the containers of a check that a killed process has left in the deployment's folder.
pub(super) fn end_leftover(folder: &Path) {
    let state = folder.join(FOLDER).join(STATE);
    let Ok(entries) = fs::read_dir(&state) else { return };
    let Ok(runtime) = Runtime::find() else { return };
    for entry in entries.flatten() {
        runtime.kill(&state, &entry.file_name().to_string_lossy());
    }
}

fn describe(ended: Option<ExitStatus>, time: Duration, said: &str) -> String {
    let how = match ended {
        Some(status) => status.to_string(),
        None => format!("it did not end within {} s", time.as_secs()),
    };
    if said.is_empty() { how } else { format!("{how}; it said: {said}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Value {
        json!({
            "process": { "args": ["app"], "env": ["A=b"], "terminal": true },
            "root": { "path": "rootfs", "readonly": false },
            "linux": { "uidMappings": [1], "gidMappings": [1],
                "namespaces": [{ "type": "pid" }, { "type": "user" }] },
        })
    }

    #[test]
    fn a_check_has_the_deployments_surroundings_and_its_own_command() {
        let checked = check_config(config(), "true && false", Path::new("/d/3/bundle"), false);
        assert_eq!(checked["process"]["args"], json!(["/bin/sh", "-c", "true && false"]));
        assert_eq!(checked["process"]["env"], json!(["A=b"]));
        assert_eq!(checked["root"], json!({ "path": "/d/3/bundle/rootfs", "readonly": true }));
        assert_eq!(checked["linux"], config()["linux"]);
    }

    #[test]
    fn in_a_namespace_of_users_a_check_takes_no_second_one() {
        let checked = check_config(config(), "true", Path::new("/d"), true);
        assert_eq!(checked["linux"], json!({ "namespaces": [{ "type": "pid" }] }));
    }
}
