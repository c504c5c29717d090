//! The checks that run in this process: whoever ends the process on a signal ends them first.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::runtime::Runtime;
use crate::beneath::Folder;

/// Checks by the folder of their deployment. Whoever holds the lock may begin one, look after it or end it.
static RUNNING: Mutex<BTreeMap<PathBuf, RunningCheck>> = Mutex::new(BTreeMap::new());

/// A check that runs.
#[derive(Debug)]
struct RunningCheck {
    child: Child,
    runtime: Runtime,
    state: PathBuf,
    id: String,
}

/// The part of a deployment's check that waits for its end. The check ends with it.
pub(super) struct Watch<'a>(&'a Path);

/// Starts `command`, which is the container `id` of `runtime`, for the deployment in `folder`.
pub(super) fn begin<'a>(
    folder: &'a Path,
    command: &mut Command,
    runtime: &Runtime,
    (state, id): (&Path, &str),
) -> io::Result<Watch<'a>> {
    let mut running = running();
    let child = command.spawn()?;
    let (runtime, state, id) = (runtime.clone(), state.to_owned(), id.to_owned());
    running.insert(folder.to_owned(), RunningCheck { child, runtime, state, id });
    Ok(Watch(folder))
}

impl Watch<'_> {
    /// Returns how the check has ended, if it has.
    pub(super) fn look(&self) -> io::Result<Option<ExitStatus>> {
        running().get_mut(self.0).map_or(Ok(None), |check| check.child.try_wait())
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(mut check) = running().remove(self.0)
            && !matches!(check.child.try_wait(), Ok(Some(_)))
        {
            check.end();
        }
    }
}

impl RunningCheck {
    fn end(&mut self) {
        // The runtime goes first, so that it starts nothing any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.runtime.kill(&self.state, &self.id);
    }
}

fn running() -> MutexGuard<'static, BTreeMap<PathBuf, RunningCheck>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every check that runs, removes the deployments that they are for, and keeps any more from beginning or ending
/// otherwise, for ever: the caller ends the process next.
pub fn end_checks() {
    let mut running = running();
    for (folder, check) in running.iter_mut() {
        check.end();
        if let (Some(parent), Some(name)) = (folder.parent(), folder.file_name()) {
            // What cannot be removed now goes when somebody deploys next.
            let _ =
                Folder::open(parent).and_then(|parent| parent.remove_tree(name.as_encoded_bytes()));
        }
    }
    std::mem::forget(running);
}
