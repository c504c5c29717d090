//! Scopes of a policy: under which names of a transport the rule for an image is looked for
//! (containers-policy.json(5), "Supported transports and their scopes").

use std::path::{Component, Path, PathBuf};

use super::named::Named;
use crate::image::{ArchiveFile, Digest, EngineImage, ImageReference};

/// The transport of a reference, as policies name it.
pub(super) fn transport(reference: &ImageReference) -> &'static str {
    match reference {
        ImageReference::Registry(_) => "docker",
        ImageReference::OciLayout { .. } => "oci",
        ImageReference::OciArchive { .. } => "oci-archive",
        ImageReference::DockerArchive { .. } => "docker-archive",
        ImageReference::DockerDaemon(_) => "docker-daemon",
    }
}

/// The name of an image that can have signatures for it.
pub(super) fn named(reference: &ImageReference) -> Option<Named> {
    match reference {
        ImageReference::Registry(image)
        | ImageReference::DockerDaemon(EngineImage::Named(image)) => Some(Named::of(image)),
        _ => None,
    }
}

/// The scopes that the image is in, the narrowest first. The transport's own, `""`, comes after all of them.
pub(super) fn scopes(reference: &ImageReference) -> Vec<String> {
    match reference {
        ImageReference::Registry(image) => of_name(&Named::of(image)),
        ImageReference::OciLayout { dir, .. } => of_path(dir),
        ImageReference::OciArchive { file: ArchiveFile::Path(file), .. } => of_path(file),
        ImageReference::DockerDaemon(EngineImage::Named(image)) => of_name(&Named::of(image)),
        ImageReference::OciArchive { .. }
        | ImageReference::DockerArchive { .. }
        | ImageReference::DockerDaemon(EngineImage::Id(_)) => Vec::new(),
    }
}

/// The image, its repository, the namespaces of that, the host, the domains of that.
fn of_name(image: &Named) -> Vec<String> {
    let mut found = vec![image.to_string()];
    let mut name = image.repository();
    loop {
        found.push(name.to_owned());
        match name.rsplit_once('/') {
            Some((parent, _)) => name = parent,
            None => break,
        }
    }
    // What is left is the host. Domains have no port.
    let mut host = name.split(':').next().unwrap_or_default();
    while let Some((_, domain)) = host.split_once('.') {
        found.push(format!("*.{domain}"));
        host = domain;
    }
    found
}

/// The path without links, and the folders that it is in, but for the root.
fn of_path(path: &Path) -> Vec<String> {
    let path = resolved(path);
    let folders = path.ancestors().filter(|folder| folder.parent().is_some());
    folders.filter_map(|folder| folder.to_str().map(str::to_owned)).collect()
}

fn resolved(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or_else(|_| absolute())
}

/// Returns the problem with a scope that no image of the transport could be in, if there is one.
pub(super) fn problem(transport: &str, scope: &str) -> Option<&'static str> {
    match transport {
        _ if scope.is_empty() => None,
        "docker-archive" | "tarball" => Some("this transport has no scopes but \"\""),
        "docker-daemon" => scope
            .parse::<Digest>()
            .is_ok()
            .then_some("images of an engine have no scopes of their own by ID"),
        "dir" | "oci" | "oci-archive" => path_problem(scope),
        _ => None,
    }
}

fn path_problem(scope: &str) -> Option<&'static str> {
    let path = Path::new(scope);
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    let rebuilt: PathBuf = path.components().collect();
    if !path.is_absolute() {
        Some("paths must be absolute")
    } else if scope == "/" {
        Some("use the transport's own scope, \"\"")
    } else if !path.components().all(is_plain) || rebuilt.as_os_str() != path.as_os_str() {
        Some("paths must be written without ., .. and spare slashes")
    } else {
        None
    }
}
