//! One service of a compose file.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::build::{self, Build};
use super::forms::{full_pairs, in_form, list_value, map, map_value, pairs, rule, text, texts};
use super::keys::{ATTACHED, HEALTHCHECK, NEWER_ATTACHED, NEWER_SERVICE, Rule, SERVICE};
use super::named_files::{files, read_pairs};
use super::names::{check_labels, check_variables};
use super::reading::Reading;
use super::small_keys::{ipc, joined, oom_score, pids_limit, table};
use super::volumes::volumes;
use super::{requirements, short};
use crate::project::error::{Place, ProjectError};
use crate::quote::quoted;

/// A service, as its keys say.
#[derive(Debug, Default)]
pub(in crate::project) struct Described {
    pub(in crate::project) name: String,
    pub(in crate::project) build: Option<Build>,
    pub(in crate::project) image: Option<String>,
    pub(in crate::project) labels: BTreeMap<String, String>,
    pub(in crate::project) environment: BTreeMap<String, String>,
    /// The contract that the labels ask for.
    pub(in crate::project) contract: Option<Value>,
    /// Other services, networks and volumes that are named, with the keys that name them.
    pub(super) services: Vec<(&'static str, String)>,
    pub(super) networks: Vec<String>,
    pub(super) volumes: Vec<String>,
    /// The service for the composition.
    pub(super) composed: Map<String, Value>,
    newer: bool,
}

/// Reads a service.
///
/// # Errors
/// If a key is not supported or makes no sense.
pub(super) fn read(
    name: &str,
    value: &Value,
    place: &Place,
    reading: &mut Reading<'_, '_>,
) -> Result<Described, ProjectError> {
    let keys = map(value, place)?
        .ok_or_else(|| place.wrong("says nothing: give it a build or an image"))?;
    let mut service = Described { name: name.to_owned(), ..Described::default() };
    for (key, value) in keys {
        service.read_key(key, value, &place.key(key), reading)?;
    }
    service.read_variables(keys, place, reading)?;
    service.read_labels(keys, place, reading)?;
    service.finish(place, reading)?;
    Ok(service)
}

impl Described {
    fn read_key(
        &mut self,
        key: &str,
        value: &Value,
        place: &Place,
        reading: &mut Reading<'_, '_>,
    ) -> Result<(), ProjectError> {
        match rule(SERVICE, key, place)? {
            Rule::Silent | Rule::Refused(_) => return Ok(()),
            Rule::Dropped(why) => {
                reading.warn(place, &format!("is left out: {why}"));
                return Ok(());
            }
            _ if value.is_null() => return Ok(()),
            Rule::Keep(form) => {
                let value = in_form(form, value, place)?;
                self.composed.insert(key.to_owned(), value);
            }
            Rule::Own => {
                if let Some(value) = self.own_key(key, value, place, reading)? {
                    self.composed.insert(key.to_owned(), value);
                }
            }
        }
        self.newer |= NEWER_SERVICE.contains(&key);
        Ok(())
    }

    /// Reads a key with rules of its own, and returns its value for the composition.
    fn own_key(
        &mut self,
        key: &str,
        value: &Value,
        place: &Place,
        reading: &mut Reading<'_, '_>,
    ) -> Result<Option<Value>, ProjectError> {
        let listed = |list: Vec<String>| (!list.is_empty()).then(|| list_value(list));
        match key {
            "build" => self.build = Some(build::read(value, place, reading)?),
            "image" => return self.image(value, place).map(Some),
            "volumes" => return self.mounts(value, place, reading),
            "tmpfs" => {
                let paths = texts(value, true, place)?;
                return Ok(Some(joined(self.composed.get("tmpfs"), paths)));
            }
            "volumes_from" => return self.volumes_from(value, place).map(listed),
            "ports" => return short::ports(value, place, reading).map(listed),
            "devices" => return short::devices(value, place).map(listed),
            "extra_hosts" => return short::extra_hosts(value, place).map(listed),
            "security_opt" => return short::security_opt(value, place).map(listed),
            "depends_on" => {
                let services = short::depends_on(value, place)?;
                self.services.extend(services.iter().map(|name| ("depends_on", name.clone())));
                return Ok(listed(services));
            }
            "network_mode" => return self.mode("network_mode", value, place).map(Some),
            "pid" => return self.mode("pid", value, place).map(Some),
            "ipc" => return ipc(value, place).map(Some),
            "networks" => return self.attached(value, place).map(Some),
            "pids_limit" => return pids_limit(value, place).map(Some),
            "oom_score_adj" => return oom_score(value, place, reading).map(Some),
            "healthcheck" => {
                return table(HEALTHCHECK, value, place).map(|keys| Some(Value::Object(keys)));
            }
            // Variables and labels are read together with the files that are named for them.
            _ => {}
        }
        Ok(None)
    }

    fn image(&mut self, value: &Value, place: &Place) -> Result<Value, ProjectError> {
        let image = text(value, place)?;
        let is_plain = |c: char| c.is_ascii_graphic();
        if image.is_empty() || !image.chars().all(is_plain) {
            return Err(place.wrong(format!("{} is not the name of an image", quoted(&image))));
        }
        self.image = Some(image.clone());
        Ok(Value::String(image))
    }

    fn mounts(
        &mut self,
        value: &Value,
        place: &Place,
        reading: &mut Reading<'_, '_>,
    ) -> Result<Option<Value>, ProjectError> {
        let found = volumes(value, place, reading)?;
        self.labels.extend(found.labels.iter().map(|label| ((*label).to_owned(), "1".to_owned())));
        self.volumes = found.names;
        if !found.tmpfs.is_empty() {
            let tmpfs = joined(self.composed.get("tmpfs"), found.tmpfs);
            self.composed.insert("tmpfs".to_owned(), tmpfs);
        }
        Ok((!found.short.is_empty()).then(|| list_value(found.short)))
    }

    fn volumes_from(&mut self, value: &Value, place: &Place) -> Result<Vec<String>, ProjectError> {
        let sources = texts(value, false, place)?;
        for source in &sources {
            if source.starts_with("container:") {
                return Err(place.wrong("names a container: name a service"));
            }
            let name = source.split(':').next().unwrap_or_default();
            self.services.push(("volumes_from", name.to_owned()));
        }
        Ok(sources)
    }

    /// A namespace that may be a service's, but not a container's.
    fn mode(
        &mut self,
        key: &'static str,
        value: &Value,
        place: &Place,
    ) -> Result<Value, ProjectError> {
        let mode = text(value, place)?;
        if mode.starts_with("container:") {
            return Err(place.wrong("names a container: name a service, as service:name"));
        }
        if let Some(service) = mode.strip_prefix("service:") {
            self.services.push((key, service.to_owned()));
            self.newer |= key == "pid";
        }
        Ok(Value::String(mode))
    }

    fn attached(&mut self, value: &Value, place: &Place) -> Result<Value, ProjectError> {
        let Value::Object(networks) = value else {
            self.networks = texts(value, false, place)?;
            return Ok(list_value(self.networks.clone()));
        };
        let mut composed = Map::new();
        for (name, options) in networks {
            self.networks.push(name.clone());
            let keys = table(ATTACHED, options, &place.key(name))?;
            self.newer |= NEWER_ATTACHED.iter().any(|key| keys.contains_key(*key));
            composed.insert(name.clone(), Value::Object(keys));
        }
        Ok(Value::Object(composed))
    }

    /// Variables of the service's own are stronger than those of files, and later files than earlier ones.
    fn read_variables(
        &mut self,
        keys: &Map<String, Value>,
        place: &Place,
        reading: &mut Reading<'_, '_>,
    ) -> Result<(), ProjectError> {
        let own_place = place.key("environment");
        let own = pairs(keys.get("environment").unwrap_or(&Value::Null), &own_place)?;
        let known = |name: &str| reading.variables.get(name).cloned();
        let own: BTreeMap<String, Option<String>> = own
            .into_iter()
            .map(|(name, value)| (name.clone(), value.or_else(|| known(&name))))
            .collect();
        let file_place = place.key("env_file");
        for (path, required) in files(keys.get("env_file"), &file_place)? {
            let mut seen = self.environment.clone();
            seen.extend(
                own.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?))),
            );
            seen.extend(reading.variables.clone());
            for (name, value) in read_pairs(&path, required, &seen, &file_place, reading)? {
                // A name alone takes the value that the project has for it, if any.
                if let Some(value) = value.or_else(|| seen.get(&name).cloned()) {
                    self.environment.insert(name, value);
                }
            }
        }
        self.environment
            .extend(own.into_iter().map(|(name, value)| (name, value.unwrap_or_default())));
        check_variables(&self.environment, &own_place)
    }

    fn read_labels(
        &mut self,
        keys: &Map<String, Value>,
        place: &Place,
        reading: &mut Reading<'_, '_>,
    ) -> Result<(), ProjectError> {
        let own_place = place.key("labels");
        let own = full_pairs(keys.get("labels").unwrap_or(&Value::Null), &own_place)?;
        let file_place = place.key("label_file");
        let mut labels = BTreeMap::new();
        for (path, required) in files(keys.get("label_file"), &file_place)? {
            let read =
                read_pairs(&path, required, &reading.variables.clone(), &file_place, reading)?;
            labels.extend(read.into_iter().map(|(name, value)| (name, value.unwrap_or_default())));
        }
        labels.extend(own);
        // Labels of mounts are there already, and stronger.
        for (name, value) in labels {
            self.labels.entry(name).or_insert(value);
        }
        check_labels(&self.labels, &own_place, reading)?;
        requirements::check(&self.labels, &own_place)
    }

    fn finish(&mut self, place: &Place, reading: &mut Reading<'_, '_>) -> Result<(), ProjectError> {
        if let Some(build) = &mut self.build {
            if let Some(image) = &self.image {
                build.composed.insert("tags".to_owned(), list_value(vec![image.clone()]));
            }
            self.composed.insert("build".to_owned(), Value::Object(build.composed.clone()));
        } else if self.image.is_none() {
            return Err(place.wrong("has neither build nor image: give it one"));
        }
        for (key, pairs) in [("environment", &self.environment), ("labels", &self.labels)] {
            if !pairs.is_empty() {
                self.composed.insert(key.to_owned(), map_value(pairs));
            }
        }
        if self.newer {
            reading.warn(
                place,
                "has keys that old supervisors ignore; its contract asks for a newer one",
            );
        }
        self.contract = requirements::contract(&self.name, &self.labels, self.newer);
        Ok(())
    }
}
