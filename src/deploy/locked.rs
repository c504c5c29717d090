//! Changes of what is deployed under a name, by whoever has the name to itself.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::DeployError;
use super::containers::{any_lives, id_start, remove_dead};
use super::folder::{CURRENT, LOCK, NEXT, Site, refuse_foreign};
use super::record::{self, Deployment};
use crate::beneath::Folder;
use crate::temporary::create_folders;

/// How often it is looked whether somebody still compares or mends a deployment.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

impl Site {
    /// Takes the name for a change, and keeps others out for as long as what is returned lives.
    pub(super) fn lock(&self) -> Result<Locked<'_>, DeployError> {
        refuse_foreign(self.path())?;
        create_folders(self.path(), 0o755).map_err(DeployError::io("make", self.path()))?;
        let path = self.path().join(LOCK);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = options.open(&path).map_err(DeployError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DeployError::InUse(self.name().clone())),
            Err(TryLockError::Error(error)) => return Err(DeployError::io("lock", &path)(error)),
        }
        Ok(Locked { site: self, _lock: file })
    }
}

/// A name that is being changed.
pub(super) struct Locked<'a> {
    pub(super) site: &'a Site,
    _lock: File,
}

impl Locked<'_> {
    /// Makes the folder of a deployment with a number of its own.
    pub(super) fn begin(&self) -> Result<u64, DeployError> {
        let last = self.site.numbers()?.last().copied().max(self.site.linked());
        // No number comes twice: the link may still hold one whose folder has gone.
        let number = last.unwrap_or(0).checked_add(1).ok_or_else(|| {
            let full = io::Error::other("there is no number after the last one");
            DeployError::io("number a deployment in", self.site.path())(full)
        })?;
        let path = self.site.folder(number);
        fs::create_dir(&path).map_err(DeployError::io("make", &path))?;
        Ok(number)
    }

    /// Makes the deployment `number` current: before this it is the other one, after it this one, whatever happens.
    pub(super) fn switch(&self, number: u64) -> Result<(), DeployError> {
        let path = self.site.path().join(CURRENT);
        let switched = || {
            let folder = Folder::open(self.site.path())?;
            gone(folder.remove_file(NEXT.as_bytes()))?;
            folder.make_symlink(NEXT.as_bytes(), number.to_string().as_bytes())?;
            // The deployment's own name outlives a power cut before anything leads to it.
            folder.sync()?;
            folder.rename(NEXT.as_bytes(), &folder, CURRENT.as_bytes())?;
            folder.sync()
        };
        switched().map_err(DeployError::io("switch", &path))
    }

    /// Removes the deployment `number`, its record first, so that a half-removed one is known as such.
    ///
    /// # Errors
    /// [`DeployError::Held`] if somebody compares, mends or starts it; also if a file cannot be removed.
    pub(super) fn remove(&self, number: u64) -> Result<(), DeployError> {
        let path = self.site.folder(number);
        // Whoever reads it meanwhile, and whoever begins to, knows of each other.
        let held = match self.site.open_folder(number) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(DeployError::io("remove", &path))?,
        };
        if let Err(TryLockError::WouldBlock) = held.try_lock() {
            return Err(DeployError::Held { name: self.site.name().clone(), number });
        }
        gone(self.remove_held(number)).map_err(DeployError::io("remove", &path))?;
        remove_dead(&self.site.containers(), &self.id_start(number));
        Ok(())
    }

    fn remove_held(&self, number: u64) -> io::Result<()> {
        let here = Folder::open(self.site.path())?;
        let name = number.to_string();
        let folder = here.open_dir(name.as_bytes())?;
        gone(folder.remove_file(record::FILE.as_bytes()))?;
        folder.sync()?;
        here.remove_tree(name.as_bytes())
    }

    /// The same, but what somebody compares, mends or starts stays. Returns whether it has gone.
    fn remove_unless_held(&self, number: u64) -> Result<bool, DeployError> {
        match self.remove(number) {
            Err(DeployError::Held { .. }) => Ok(false),
            removed => removed.map(|()| true),
        }
    }

    /// Removes the deployment `number`; waits until `deadline` for whoever compares or mends it.
    ///
    /// # Errors
    /// The same as those of [`wait_for`](Self::wait_for) and [`remove`](Self::remove).
    pub(super) fn remove_until(&self, number: u64, deadline: Instant) -> Result<(), DeployError> {
        loop {
            self.wait_for(number, deadline)?;
            match self.remove(number) {
                // Somebody has just begun.
                Err(DeployError::Held { .. }) if Instant::now() < deadline => {}
                removed => return removed,
            }
        }
    }

    /// Waits until nobody compares or mends the deployment `number` any more.
    ///
    /// # Errors
    /// [`DeployError::Running`] if a container of it lives: that may take for ever. [`DeployError::Held`] if somebody still
    /// has it at `deadline`.
    pub(super) fn wait_for(&self, number: u64, deadline: Instant) -> Result<(), DeployError> {
        let name = || self.site.name().clone();
        loop {
            if any_lives(&self.site.containers(), &self.id_start(number)) {
                return Err(DeployError::Running { name: name(), number });
            }
            if !self.is_held(number) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(DeployError::Held { name: name(), number });
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Removes deployments that are not whole: killed processes left them.
    pub(super) fn remove_leftovers(&self) -> Result<(), DeployError> {
        let mut leftovers = self.leftovers()?.into_iter();
        leftovers.try_for_each(|number| self.remove_unless_held(number).map(drop))
    }

    /// The numbers of deployments that are not whole: they have no record, nothing runs there, and nothing leads there.
    pub(super) fn leftovers(&self) -> Result<Vec<u64>, DeployError> {
        let current = self.site.linked();
        let has_record = |number: u64| {
            // A record that can't be read now is one all the same.
            let found = fs::symlink_metadata(self.site.folder(number).join(record::FILE));
            !found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let is_left = |&number: &u64| {
            !has_record(number) && Some(number) != current && !self.is_in_use(number)
        };
        Ok(self.site.numbers()?.into_iter().filter(is_left).collect())
    }

    /// Removes deployments until `keep` are left, those that somebody went back from first, then the oldest; never the
    /// current one, the one that can be gone back to and those that a runtime has. Returns the numbers of those that
    /// went.
    pub(super) fn prune(&self, keep: usize) -> Result<Vec<u64>, DeployError> {
        let current = self.site.current_number()?;
        let mut all = self.site.deployments()?;
        let way_back = all.iter().filter(|it| it.is_way_back_from(current));
        let way_back = way_back.map(|it| it.number).max();
        let mut left = all.len();
        all.sort_by_key(|it| (it.rolled_back.is_none(), it.number));
        let mut removed = Vec::new();
        for Deployment { number, .. } in all {
            let needed = number == current || Some(number) == way_back;
            let goes = left > keep && !needed && !self.is_in_use(number);
            if goes && self.remove_unless_held(number)? {
                removed.push(number);
                left -= 1;
            }
        }
        Ok(removed)
    }

    /// Whether a runtime has the deployment, or a container of it has outlived its runtime.
    pub(super) fn is_in_use(&self, number: u64) -> bool {
        self.is_held(number) || any_lives(&self.site.containers(), &self.id_start(number))
    }

    /// Whether somebody runs, compares or mends the deployment.
    fn is_held(&self, number: u64) -> bool {
        self.site.open_folder(number).is_ok_and(|it| it.try_lock().is_err())
    }

    fn id_start(&self, number: u64) -> String {
        id_start(self.site.name().as_str(), number)
    }
}

/// A removal of what is not there has nothing to do.
pub(super) fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
