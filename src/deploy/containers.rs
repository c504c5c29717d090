//! The containers of deployments: which of them live, and what is left of those that do not.

use std::fs;
use std::path::Path;

use super::runtime::Runtime;

/// The start of the IDs of a deployment's containers. Their end is the number of the process that started each.
pub(super) fn id_start(name: &str, number: u64) -> String {
    format!("{name}-{number}-")
}

/// The containers in `state` whose IDs begin with `start` and end with a number.
fn of_deployment(state: &Path, start: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(state) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let is_its = |name: &String| {
        let process = name.strip_prefix(start);
        process.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
    };
    names.filter(is_its).collect()
}

/// Returns whether a container lives, whatever became of the runtime that started it. If there is no runtime to ask,
/// each is taken to live.
pub(super) fn any_lives(state: &Path, start: &str) -> bool {
    let found = of_deployment(state, start);
    if found.is_empty() {
        return false;
    }
    let Ok(runtime) = Runtime::find() else { return true };
    found.iter().any(|id| runtime.has_living(state, id))
}

/// Removes what is left of containers that nobody starts or runs.
pub(super) fn remove_dead(state: &Path, start: &str) {
    let found = of_deployment(state, start);
    if found.is_empty() {
        return;
    }
    let Ok(runtime) = Runtime::find() else { return };
    let dead = found.iter().filter(|id| !runtime.has_living(state, id));
    dead.for_each(|id| runtime.kill(state, id));
}

/// Removes what a power cut left of containers: processes have their numbers again after it, and with them the
/// containers their IDs. What another process may just be starting stays.
pub(super) fn make_way(runtime: &Runtime, state: &Path, start: &str) {
    let own = std::process::id().to_string();
    let has_gone = |id: &String| {
        let process = &id[start.len()..];
        process == own || !Path::new("/proc").join(process).exists()
    };
    let found = of_deployment(state, start).into_iter().filter(has_gone);
    let dead = found.filter(|id| !runtime.has_living(state, id));
    dead.for_each(|id| runtime.kill(state, &id));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_of_a_deployment_are_its_own() {
        let state = tempfile::tempdir().expect("folder");
        for name in ["app-1-77", "app-11-77", "app-1-2-77", "app-1-", "app-1-x"] {
            fs::create_dir(state.path().join(name)).expect("made");
        }
        assert_eq!(of_deployment(state.path(), &id_start("app", 1)), ["app-1-77"]);
        // That one is another name's: "app-1".
        assert_eq!(of_deployment(state.path(), &id_start("app-1", 2)), ["app-1-2-77"]);
        assert_eq!(of_deployment(&state.path().join("none"), "app-1-"), [""; 0]);
    }
}
