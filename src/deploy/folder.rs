//! The folder of all deployments, and that of a name in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::record::{self, Deployment};
use super::{DeployError, DeploymentName};
use crate::beneath::{Exchangeable, exchangeable_above};
use crate::user_namespace::is_machine_root;

/// The link to the current deployment, and its name while it is made.
pub(super) const CURRENT: &str = "current";
pub(super) const NEXT: &str = ".next";
pub(super) const LOCK: &str = "lock";
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

/// A link to a current deployment.
pub(super) enum Link {
    Whole,
    Missing,
    /// Something else stands there, or it leads nowhere.
    Broken(String),
}

impl Deployments {
    /// The deployments in the folder `root`, which need not be there yet.
    pub fn in_folder(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        // The full path: runtimes and messages are read elsewhere.
        Deployments { root: std::path::absolute(&root).unwrap_or(root) }
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

    /// Refuses a folder that a user other than root could exchange while root works there.
    ///
    /// # Errors
    /// [`DeployError::Foreign`]; also if a folder on the way cannot be looked at.
    pub fn refuse_foreign(&self) -> Result<(), DeployError> {
        refuse_foreign(&self.root)
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
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        open(&self.folder(number), flags)
    }

    /// The number that the link to the current deployment holds, whatever is there.
    pub(super) fn linked(&self) -> Option<u64> {
        number(fs::read_link(self.path.join(CURRENT)).ok()?.to_str()?)
    }

    /// What has become of the link to the current deployment.
    pub(super) fn link(&self) -> Link {
        let path = self.path.join(CURRENT);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Link::Missing,
            Err(error) => Link::Broken(error.to_string()),
            Ok(found) if !found.is_symlink() => Link::Broken("it is no link".to_owned()),
            Ok(_) if self.current_number().is_ok() => Link::Whole,
            Ok(_) => Link::Broken("it leads to no deployment".to_owned()),
        }
    }

    /// Whether somebody changes what is deployed here.
    pub(super) fn is_in_use(&self) -> bool {
        let lock = open(&self.path.join(LOCK), OFlags::NOFOLLOW | OFlags::NONBLOCK);
        lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn folder(&self, number: u64) -> PathBuf {
        self.path.join(number.to_string())
    }

    pub(super) fn numbers(&self) -> Result<Vec<u64>, DeployError> {
        let names = names(&self.path).map_err(DeployError::io("list", &self.path))?;
        let mut numbers: Vec<u64> = names.iter().filter_map(|name| number(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
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

/// Opens something to lock it, without waiting for what is neither file nor folder.
fn open(path: &Path, flags: OFlags) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
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
