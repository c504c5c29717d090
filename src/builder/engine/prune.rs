//! What goes from an engine when it has nothing to do: old tags, images and caches.

use std::time::{Duration, SystemTime};

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::{Client, call};
use super::error::EngineError;
use super::image::{inspect, untag};
use super::settings::Pruning;

/// How long an engine may take to remove images.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// How often the age is halved while an engine keeps too much; then all goes that is not quite young.
const HALVINGS: u32 = 3;
/// What is younger stays in any case: it may not be pushed yet.
const YOUNGEST: Duration = Duration::from_secs(60 * 60);

/// Digits at the end of a place that the API chose.
const LOCATION_DIGITS: usize = 32;

/// An engine that is to be pruned.
pub(super) struct Prune<'a> {
    pub(super) client: &'a Client,
    pub(super) version: &'a str,
    pub(super) pruning: &'a Pruning,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    created: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Usage {
    #[serde(default)]
    layers_size: u64,
}

impl Prune<'_> {
    /// Removes what is too old, and younger things while there is too much.
    pub(super) async fn prune(&self) -> Result<(), EngineError> {
        let mut keep_for = self.pruning.keep_for;
        for _ in 0..HALVINGS {
            self.older_than(keep_for).await?;
            if self.kept().await? <= self.pruning.keep_bytes {
                return Ok(());
            }
            keep_for /= 2;
        }
        self.older_than(YOUNGEST).await
    }

    async fn older_than(&self, age: Duration) -> Result<(), EngineError> {
        self.untag_older_than(age).await?;
        let until = format!("{}s", age.as_secs());
        let filters = json!({ "dangling": ["true"], "until": [until] }).to_string();
        self.post("images/prune", &[("filters", &filters)]).await?;
        let filters = json!({ "until": [until] }).to_string();
        let keep = self.pruning.keep_bytes.to_string();
        let fields = [("filters", filters.as_str()), ("keep-storage", keep.as_str())];
        match self.post("build/prune", &fields).await {
            // Podman has no such call.
            Err(EngineError::Answer { status: 404 | 405, .. }) => Ok(()),
            other => other,
        }
    }

    async fn untag_older_than(&self, age: Duration) -> Result<(), EngineError> {
        let path = format!("{}/images/json", self.version);
        let listed: Vec<Listed> = self.client.ask(call(Method::GET, &path)).await?;
        let before = SystemTime::now() - age;
        for image in listed {
            let tags = image.repo_tags.unwrap_or_default();
            for tag in tags.iter().filter(|tag| self.is_ours(tag)) {
                if self.last_needed(tag, image.created).await? <= before {
                    untag(self.client, self.version, tag).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether a tag is one that builds leave: others on an engine are somebody else's.
    fn is_ours(&self, tag: &str) -> bool {
        match &self.pruning.registry {
            Some(registry) => tag.strip_prefix(registry).is_some_and(|rest| rest.starts_with('/')),
            None => is_release_image(tag),
        }
    }

    /// When the image got a tag last: an unchanged one is built again without being made anew.
    async fn last_needed(&self, tag: &str, created: u64) -> Result<SystemTime, EngineError> {
        let created = SystemTime::UNIX_EPOCH + Duration::from_secs(created);
        let inspected = inspect(self.client, self.version, tag).await?;
        let metadata = inspected.and_then(|inspected| inspected.metadata);
        let tagged = metadata.and_then(|metadata| moment(&metadata.last_tag_time?));
        Ok(tagged.map_or(created, |tagged| tagged.max(created)))
    }

    /// Returns how many bytes the engine's images take.
    async fn kept(&self) -> Result<u64, EngineError> {
        let path = format!("{}/system/df", self.version);
        let usage: Usage = self.client.ask(call(Method::GET, &path)).await?;
        Ok(usage.layers_size)
    }

    async fn post(&self, what: &str, fields: &[(&str, &str)]) -> Result<(), EngineError> {
        let query = serde_urlencoded::to_string(fields).expect("pairs of texts have a form");
        let path = format!("{}/{what}?{query}", self.version);
        self.client.tell(call(Method::POST, &path), LIMIT).await
    }
}

/// Whether a tag has the form that openBalena's API gives to places of images: `HOST/v2/<32 hex digits>:latest`.
fn is_release_image(tag: &str) -> bool {
    let Some((_, repository)) = tag.split_once("/v2/") else { return false };
    let Some(hex) = repository.strip_suffix(":latest") else { return false };
    hex.len() == LOCATION_DIGITS && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Reads a time as engines write it (RFC 3339), with any offset from UTC.
fn moment(text: &str) -> Option<SystemTime> {
    if text.ends_with('Z') {
        return humantime::parse_rfc3339(text).ok();
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
    let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset_len = Duration::from_secs(hours * 3600 + minutes * 60);
    if offset.starts_with('-') {
        local.checked_add(offset_len)
    } else {
        local.checked_sub(offset_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_that_the_api_chose_are_of_releases() {
        let hex = "0123456789abcdef0123456789abcdef";
        assert!(is_release_image(&format!("registry.example.com/v2/{hex}:latest")));
        for other in [
            format!("registry.example.com/v2/{hex}:1"),
            format!("registry.example.com/{hex}:latest"),
            format!("registry.example.com/v2/{hex}0:latest"),
            "registry.example.com/v2/postgres:latest".to_owned(),
            "postgres:latest".to_owned(),
        ] {
            assert!(!is_release_image(&other), "{other}");
        }
    }
}
