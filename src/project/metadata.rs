//! The folder with what is for the builder: logins for registries, build variables and build secrets.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{Place, ProjectError, TooLarge};
use super::index::{METADATA_FOLDERS, ProjectTar};
use super::limits::MAX_SECRET_BYTES;
use super::path::resolve;
use super::plan::BuildSecret;
use super::registry_secrets::{RegistryLogin, RegistrySecrets};
use super::yaml;
use crate::api::Secret;
use crate::quote::quoted;

/// Files with logins, the stronger ones later: the last one is what the balena CLI adds.
const LOGINS: [&str; 3] =
    ["registry-secrets.yaml", "registry-secrets.yml", "registry-secrets.json"];
/// Files with settings. A project has one of them at most.
const SETTINGS: [&str; 6] =
    ["balena.yml", "balena.yaml", "balena.json", "resin.yml", "resin.yaml", "resin.json"];

/// What the folder says.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) registry_secrets: RegistrySecrets,
    folder: &'static str,
    file: String,
    variables: Scoped<BTreeMap<String, String>>,
    secrets: Scoped<Vec<BuildSecret>>,
}

/// What counts for all services, and what for one.
#[derive(Debug, Default)]
struct Scoped<T> {
    global: T,
    services: BTreeMap<String, T>,
}

impl Metadata {
    /// Reads the folder.
    ///
    /// # Errors
    /// If there are two such folders, or a file in one is not as it has to be.
    pub(super) fn read(tar: &ProjectTar<'_>) -> Result<Self, ProjectError> {
        let mut present = METADATA_FOLDERS.into_iter().filter(|folder| tar.has_folder(folder));
        let Some(folder) = present.next() else { return Ok(Metadata::default()) };
        if let Some(other) = present.next() {
            let problem =
                format!("the project has a folder {folder} too: move everything into one of them");
            return Err(Place::file(other).wrong(problem));
        }
        let mut metadata = Metadata { folder, ..Metadata::default() };
        metadata.read_logins(tar)?;
        metadata.read_settings(tar)?;
        Ok(metadata)
    }

    /// The build variables of a service.
    pub(super) fn variables_of(&self, service: &str) -> BTreeMap<String, String> {
        let mut variables = self.variables.global.clone();
        variables.extend(self.variables.services.get(service).cloned().unwrap_or_default());
        variables
    }

    /// The build secrets of a service. Of two with one name the service's own counts.
    pub(super) fn secrets_of(&self, service: &str) -> Vec<BuildSecret> {
        let own = self.secrets.services.get(service).into_iter().flatten();
        let all = self.secrets.global.iter().chain(own);
        let by_id: BTreeMap<&str, &BuildSecret> =
            all.map(|secret| (secret.id.as_str(), secret)).collect();
        by_id.into_values().cloned().collect()
    }

    /// Where the build variables are from.
    pub(super) fn place(&self) -> Place {
        Place::file(&self.file)
    }

    fn read_logins(&mut self, tar: &ProjectTar<'_>) -> Result<(), ProjectError> {
        for name in LOGINS {
            let file = format!("{}/{name}", self.folder);
            let place = Place::file(&file);
            let Some(text) = tar.text(&file)? else { continue };
            for (registry, login) in object(&parse(text, &place)?, &place)? {
                let login = login_of(login, &place.key(registry))?;
                self.registry_secrets.insert(registry.clone(), login);
            }
        }
        self.registry_secrets.add_docker_hub();
        Ok(())
    }

    fn read_settings(&mut self, tar: &ProjectTar<'_>) -> Result<(), ProjectError> {
        let paths = SETTINGS.map(|name| format!("{}/{name}", self.folder));
        let mut present = paths.into_iter().filter(|path| tar.has(path));
        let Some(file) = present.next() else { return Ok(()) };
        let place = Place::file(&file);
        if let Some(other) = present.next() {
            return Err(
                place.wrong(format!("the project has {other} too: move everything into one file"))
            );
        }
        self.file.clone_from(&file);
        let value = parse(tar.text(&file)?.unwrap_or_default(), &place)?;
        for (key, value) in object(&value, &place)? {
            let inner = place.key(key);
            match key.as_str() {
                "build-variables" => self.variables = scoped(value, &inner, variables)?,
                "build-secrets" => {
                    let folder = format!("{}/secrets", self.folder);
                    let read = |value: &Value, place: &Place| secrets(tar, &folder, value, place);
                    self.secrets = scoped(value, &inner, read)?;
                }
                // Other keys are other programs' matter, as in balena's own builder.
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads a file whose text is to appear in no message.
fn parse(text: &str, place: &Place) -> Result<Value, ProjectError> {
    yaml::parse(text, place).map_err(|_| {
        place.wrong("cannot be read: it is not well-formed YAML or JSON, or too large")
    })
}

fn object<'v>(value: &'v Value, place: &Place) -> Result<&'v Map<String, Value>, ProjectError> {
    value.as_object().ok_or_else(|| place.wrong("has to be a map of names and values"))
}

fn login_of(value: &Value, place: &Place) -> Result<RegistryLogin, ProjectError> {
    let keys = object(value, place)?;
    if keys.keys().any(|key| !["username", "password"].contains(&key.as_str())) {
        return Err(place.wrong("has other keys than username and password: remove them"));
    }
    let part = |key: &str| {
        let text = keys.get(key).and_then(Value::as_str);
        text.ok_or_else(|| place.key(key).wrong("has to be a text: put it between quotation marks"))
    };
    Ok(RegistryLogin {
        username: part("username")?.to_owned(),
        password: Secret::new(part("password")?),
    })
}

fn scoped<T: Default>(
    value: &Value,
    place: &Place,
    read: impl Fn(&Value, &Place) -> Result<T, ProjectError>,
) -> Result<Scoped<T>, ProjectError> {
    let mut scoped = Scoped { global: T::default(), services: BTreeMap::new() };
    for (key, value) in object(value, place)? {
        let inner = place.key(key);
        match key.as_str() {
            "global" => scoped.global = read(value, &inner)?,
            "services" => {
                for (service, value) in object(value, &inner)? {
                    scoped.services.insert(service.clone(), read(value, &inner.key(service))?);
                }
            }
            _ => return Err(inner.wrong("is not known: write global or services")),
        }
    }
    Ok(scoped)
}

fn variables(value: &Value, place: &Place) -> Result<BTreeMap<String, String>, ProjectError> {
    let form = || place.wrong("has to be a list of NAME=value, or a map of names and texts");
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    let pair = |item: &Value| {
        let (name, value) = item.as_str()?.split_once('=')?;
        Some((name.trim().to_owned(), value.to_owned()))
    };
    let read: Option<BTreeMap<String, String>> = match value {
        Value::Array(items) => items.iter().map(pair).collect(),
        Value::Object(map) => {
            map.iter().map(|(name, value)| Some((name.clone(), text(value)?))).collect()
        }
        _ => None,
    };
    let read = read.ok_or_else(form)?;
    super::compose::names::check_variables(&read, place)?;
    Ok(read)
}

fn secrets(
    tar: &ProjectTar<'_>,
    folder: &str,
    value: &Value,
    place: &Place,
) -> Result<Vec<BuildSecret>, ProjectError> {
    let items =
        value.as_array().ok_or_else(|| place.wrong("has to be a list of source and dest"))?;
    items.iter().map(|item| secret(tar, folder, item, place)).collect()
}

fn secret(
    tar: &ProjectTar<'_>,
    folder: &str,
    value: &Value,
    place: &Place,
) -> Result<BuildSecret, ProjectError> {
    let part = |key: &str| {
        let named = value.get(key).and_then(Value::as_str);
        let named = named.ok_or_else(|| place.key(key).wrong("is missing: name a file"))?;
        let path = resolve("", named).filter(|path| !path.is_empty());
        path.ok_or_else(|| {
            place.key(key).wrong(format!("{} leads out of the folder", quoted(named)))
        })
    };
    let (source, id) = (part("source")?, part("dest")?);
    let path = format!("{folder}/{source}");
    let content = tar.file(&path)?;
    let content = content
        .ok_or_else(|| place.key("source").wrong(format!("there is no file {}", quoted(&path))))?;
    if content.len() as u64 > MAX_SECRET_BYTES {
        let (bytes, limit) = (content.len() as u64, MAX_SECRET_BYTES);
        return Err(ProjectError::TooLarge(TooLarge::File { file: path, bytes, limit }));
    }
    Ok(BuildSecret { id, path })
}

#[cfg(test)]
mod tests;
