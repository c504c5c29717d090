//! The folder of all deployments, and that of a name in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::containers::{any_lives, id_start, remove_dead};
use super::record::{self, Deployment};
use super::{DeployError, DeploymentName};
use crate::beneath::{Exchangeable, Folder, exchangeable_above};
use crate::temporary::create_folders;
use crate::user_namespace::is_machine_root;

/// The link to the current deployment, and its name while it is made.
const CURRENT: &str = "current";
const NEXT: &str = ".next";
const LOCK: &str = "lock";
/// The bundle in a deployment's folder.
const BUNDLE: &str = "bundle";
/// Where runtimes write down what runs.
const CONTAINERS: &str = "containers";

/// A folder of deployments, by name.
#[derive(Debug, Clone)]
pub struct Deployments {
    root: PathBuf,
}

/// The deployments under one name.
#[derive(Debug, Clone)]
pub struct Site {
    name: DeploymentName,
    path: PathBuf,
}

impl Deployments {
    /// The deployments in the folder `root`, which need not be there yet.
    pub fn in_folder(root: impl Into<PathBuf>) -> Self {
        Deployments { root: root.into() }
    }

    /// Returns the folder used if nobody names one: `remora/deployments` under the user's data directory
    /// (`XDG_DATA_HOME`, otherwise `~/.local/share`).
    ///
    /// # Errors
    /// [`DeployError::NoDefaultPath`] if neither variable holds an absolute path.
    pub fn default_path() -> Result<PathBuf, DeployError> {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let data =
            variable("XDG_DATA_HOME").or_else(|| Some(variable("HOME")?.join(".local/share")));
        Ok(data.ok_or(DeployError::NoDefaultPath)?.join("remora/deployments"))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The deployments under `name`.
    pub fn site(&self, name: &DeploymentName) -> Site {
        Site { name: name.clone(), path: self.root.join(name.as_str()) }
    }

    /// All names under which something is deployed, in order.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn sites(&self) -> Result<Vec<Site>, DeployError> {
        let names = names(&self.root).map_err(DeployError::io("list", &self.root))?;
        let names = names.iter().filter_map(|name| name.parse().ok());
        let sites = names.map(|name: DeploymentName| self.site(&name));
        Ok(sites.filter(|site| site.path.is_dir()).collect())
    }
}

impl Site {
    /// The name.
    pub fn name(&self) -> &DeploymentName {
        &self.name
    }

    /// The whole deployments, in the order of their numbers.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn deployments(&self) -> Result<Vec<Deployment>, DeployError> {
        let numbers = self.numbers()?.into_iter();
        Ok(numbers.filter_map(|number| Deployment::read(&self.folder(number), number)).collect())
    }

    /// The deployment that is current.
    ///
    /// # Errors
    /// [`DeployError::NotDeployed`] if there is none, [`DeployError::DamagedRecord`] if its record can't be read.
    pub fn current(&self) -> Result<Deployment, DeployError> {
        let number = self.current_number()?;
        let folder = self.folder(number);
        let damaged = || DeployError::DamagedRecord { path: folder.join(record::FILE) };
        Deployment::read(&folder, number).ok_or_else(damaged)
    }

    /// The number of the deployment that is current, whether or not its record can be read.
    pub(super) fn current_number(&self) -> Result<u64, DeployError> {
        let there = self.linked().filter(|number| self.folder(*number).is_dir());
        there.ok_or_else(|| DeployError::NotDeployed(self.name.clone()))
    }

    /// The deployments in the folder `path`, if that can be one.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.parse().ok()?;
        Some(Site { name, path: path.to_owned() })
    }

    /// The number of the deployment whose files are in `rootfs`.
    pub(super) fn number_of(&self, rootfs: &Path) -> Option<u64> {
        number(rootfs.strip_prefix(&self.path).ok()?.iter().next()?.to_str()?)
    }

    /// The bundle of the deployment `number`.
    pub fn bundle(&self, number: u64) -> PathBuf {
        self.folder(number).join(BUNDLE)
    }

    /// A folder in which a runtime may write down what runs.
    pub fn containers(&self) -> PathBuf {
        self.path.join(CONTAINERS)
    }

    /// The deployment's folder, open: whoever holds a shared lock on it keeps the deployment from being removed.
    pub(super) fn open_folder(&self, number: u64) -> io::Result<File> {
        File::open(self.folder(number))
    }

    /// The number that the link to the current deployment holds, whatever is there.
    pub(super) fn linked(&self) -> Option<u64> {
        number(fs::read_link(self.path.join(CURRENT)).ok()?.to_str()?)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn folder(&self, number: u64) -> PathBuf {
        self.path.join(number.to_string())
    }

    fn numbers(&self) -> Result<Vec<u64>, DeployError> {
        let names = names(&self.path).map_err(DeployError::io("list", &self.path))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Takes the name for a change, and keeps others out for as long as what is returned lives.
    pub(super) fn lock(&self) -> Result<Locked<'_>, DeployError> {
        refuse_foreign(&self.path)?;
        create_folders(&self.path, 0o755).map_err(DeployError::io("make", &self.path))?;
        let path = self.path.join(LOCK);
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = options.open(&path).map_err(DeployError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DeployError::InUse(self.name.clone())),
            Err(TryLockError::Error(error)) => return Err(DeployError::io("lock", &path)(error)),
        }
        Ok(Locked { site: self, _lock: file })
    }
}

/// Refuses a folder for deployments that a user other than root could exchange while root works there.
pub(super) fn refuse_foreign(folder: &Path) -> Result<(), DeployError> {
    if !is_machine_root() {
        return Ok(());
    }
    match exchangeable_above(folder).map_err(DeployError::io("use", folder))? {
        Some(Exchangeable { path, owner }) => Err(DeployError::Foreign { path, owner }),
        None => Ok(()),
    }
}

/// The number that a folder's name is.
fn number(name: &str) -> Option<u64> {
    name.parse().ok().filter(|number: &u64| number.to_string() == name)
}

/// The names in a folder that are text; none if there is no folder.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string().ok());
    }
    names.sort_unstable();
    Ok(names)
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
    pub(super) fn remove(&self, number: u64) -> Result<(), DeployError> {
        let path = self.site.folder(number);
        let removed = || {
            // Whoever reads it meanwhile, and whoever begins to, knows of each other.
            let held = self.site.open_folder(number)?;
            if let Err(TryLockError::WouldBlock) = held.try_lock() {
                return Err(io::ErrorKind::ResourceBusy.into());
            }
            let here = Folder::open(self.site.path())?;
            let name = number.to_string();
            let folder = here.open_dir(name.as_bytes())?;
            gone(folder.remove_file(record::FILE.as_bytes()))?;
            folder.sync()?;
            here.remove_tree(name.as_bytes())
        };
        gone(removed()).map_err(DeployError::io("remove", &path))?;
        remove_dead(&self.site.containers(), &id_start(self.site.name().as_str(), number));
        Ok(())
    }

    /// Removes deployments that are not whole: killed processes left them.
    pub(super) fn remove_leftovers(&self) -> Result<(), DeployError> {
        self.leftovers()?.into_iter().try_for_each(|number| self.remove(number))
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
            if left > keep && !needed && !self.is_in_use(number) {
                self.remove(number)?;
                removed.push(number);
                left -= 1;
            }
        }
        Ok(removed)
    }

    /// Whether a runtime has the deployment, or a container of it has outlived its runtime.
    fn is_in_use(&self, number: u64) -> bool {
        let is_held = self.site.open_folder(number).is_ok_and(|it| it.try_lock().is_err());
        let start = id_start(self.site.name().as_str(), number);
        is_held || any_lives(&self.site.containers(), &start)
    }
}

/// A removal of what is not there has nothing to do.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
