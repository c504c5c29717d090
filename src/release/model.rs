//! What the API says of releases, fleets and devices, read from its answers (OData JSON).

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::image::{Digest, RegistryReference};
use crate::quote::quoted;

/// An answer: a list, also of one or none.
#[derive(Debug, Deserialize)]
pub(super) struct Rows<T> {
    pub(super) d: Vec<T>,
}

/// A release, with its images where they were asked for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Release {
    pub(super) id: u64,
    pub(super) commit: String,
    #[serde(default, rename = "raw_version")]
    pub(super) version: Option<String>,
    pub(super) status: String,
    pub(super) is_final: bool,
    pub(super) is_invalidated: bool,
    #[serde(rename = "belongs_to__application", deserialize_with = "known_id")]
    pub(super) fleet: u64,
    #[serde(default, rename = "release_image", deserialize_with = "images")]
    pub(super) images: Vec<ServiceImage>,
}

/// The state of releases that count: their images are there.
const SUCCESS: &str = "success";

impl Release {
    /// Whether its images are there.
    pub(super) fn is_successful(&self) -> bool {
        self.status == SUCCESS
    }

    /// Whether devices may run it.
    pub(super) fn is_good(&self) -> bool {
        self.is_successful() && !self.is_invalidated
    }
}

/// The image of a service in a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceImage {
    pub(super) id: u64,
    pub(super) service: String,
    /// Registry and repository.
    pub(super) location: String,
    /// The manifest's digest as the API has it; `None` until the image was pushed.
    pub(super) content_hash: Option<Digest>,
    /// The manifest's digest as the registry has it, where the API has none.
    pub(super) found: Option<Digest>,
    /// Bytes of all layers, uncompressed; 0 where unknown.
    pub(super) image_size: u64,
}

/// A fleet.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Fleet {
    pub(super) id: u64,
    pub(super) slug: String,
    /// The release that devices without a pin are to run.
    #[serde(rename = "should_be_running__release", deserialize_with = "id")]
    pub(super) tracked: Option<u64>,
}

/// A release, as far as somebody watches for changes.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Change {
    pub(super) id: u64,
    pub(super) is_final: bool,
    #[serde(rename = "belongs_to__application", deserialize_with = "known_id")]
    pub(super) fleet: u64,
    /// When the release changed last, as the API writes times (RFC 3339).
    pub(super) update_timestamp: String,
    /// The tag that lets the release out, if the release has it.
    #[serde(default, rename = "release_tag")]
    pub(super) tags: Vec<IgnoredAny>,
}

/// A device, as far as its updates go.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Device {
    pub(super) id: u64,
    #[serde(rename = "is_running__release", deserialize_with = "id")]
    pub(super) running: Option<u64>,
    /// The release that the device is kept at. API v6 does not know this field.
    #[serde(default, rename = "is_pinned_on__release", deserialize_with = "id")]
    pub(super) pinned: Option<u64>,
    /// The release that the device is to run; in API v6 the pin only.
    #[serde(rename = "should_be_running__release", deserialize_with = "id")]
    pub(super) wanted: Option<u64>,
    #[serde(default)]
    pub(super) os_version: Option<String>,
    #[serde(default, rename = "device_config_variable")]
    pub(super) variables: Vec<Variable>,
}

/// The value of a variable.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Variable {
    pub(super) value: String,
}

/// A variable of a fleet.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FleetVariable {
    #[serde(rename = "application", deserialize_with = "known_id")]
    pub(super) fleet: u64,
    pub(super) value: String,
}

/// A reference to another row: its ID, or the row if it was expanded.
#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    Id {
        #[serde(rename = "__id")]
        id: u64,
    },
    Expanded(Vec<Identified>),
}

#[derive(Deserialize)]
struct Identified {
    id: u64,
}

impl Reference {
    fn id(&self) -> Option<u64> {
        match self {
            Reference::Id { id } => Some(*id),
            Reference::Expanded(rows) => rows.first().map(|row| row.id),
        }
    }
}

fn id<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let reference = Option::<Reference>::deserialize(from)?;
    Ok(reference.and_then(|reference| reference.id()))
}

fn known_id<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    id(from)?.ok_or_else(|| serde::de::Error::custom("a reference to nothing"))
}

#[derive(Deserialize)]
struct ReleaseImageRow {
    image: Vec<ImageRow>,
}

#[derive(Deserialize)]
struct ImageRow {
    id: u64,
    #[serde(rename = "is_stored_at__image_location")]
    location: String,
    content_hash: Option<String>,
    #[serde(default)]
    image_size: Option<Size>,
    #[serde(rename = "is_a_build_of__service")]
    service: Vec<ServiceRow>,
}

#[derive(Deserialize)]
struct ServiceRow {
    service_name: String,
}

/// A number of bytes: a string in API v7, a number in v6.
#[derive(Deserialize)]
#[serde(untagged)]
enum Size {
    Text(String),
    Number(u64),
}

impl Size {
    fn bytes(&self) -> Option<u64> {
        match self {
            Size::Text(text) => text.parse().ok(),
            Size::Number(bytes) => Some(*bytes),
        }
    }
}

/// The images in the order of their services' names.
fn images<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ServiceImage>, D::Error> {
    let rows = Vec::<ReleaseImageRow>::deserialize(from)?;
    let images = rows.into_iter().flat_map(|row| row.image).map(image);
    let mut images: Vec<ServiceImage> =
        images.collect::<Result<_, String>>().map_err(serde::de::Error::custom)?;
    images.sort_by(|a, b| a.service.cmp(&b.service));
    Ok(images)
}

fn image(row: ImageRow) -> Result<ServiceImage, String> {
    let hash = row.content_hash.filter(|hash| !hash.is_empty());
    let hash = hash.map(|hash| hash.parse().map_err(|_| format!("the content hash {hash:?}")));
    let service = row.service.into_iter().next().ok_or("an image of no service")?;
    if !is_place(&row.location) {
        return Err(format!("the image location {:?}", quoted(&row.location).to_string()));
    }
    Ok(ServiceImage {
        id: row.id,
        service: service.service_name,
        location: row.location,
        content_hash: hash.transpose()?,
        found: None,
        image_size: row.image_size.and_then(|size| size.bytes()).unwrap_or(0),
    })
}

/// Whether a text is a registry and a repository in it, and nothing more.
fn is_place(location: &str) -> bool {
    let Some((host, repository)) = location.split_once('/') else { return false };
    let in_host = |letter: char| letter.is_ascii_alphanumeric() || "-.:[]".contains(letter);
    let named = RegistryReference::in_registry(host, repository);
    !host.is_empty()
        && host.chars().all(in_host)
        && named.is_ok_and(|named| named.repository() == repository)
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_image_is_in_a_repository_of_a_registry() {
        for location in ["r.test/v2/0a", "127.0.0.1:5000/v2/0a", "[::1]:5000/v2/0a"] {
            assert!(is_place(location), "{location}");
        }
        for location in
            ["", "r.test", "/v2/a", "evil.test/../x", "u:p@evil.test/x", "r.test/v2/a:b", "r/x y"]
        {
            assert!(!is_place(location), "{location}");
        }
    }

    use super::*;

    #[test]
    fn both_versions_of_the_api_say_the_same() {
        let hash = Digest::of(b"").to_string();
        for (size, fleet) in [("\"1234\"", r#"{"__id":3}"#), ("1234", r#"[{"id":3}]"#)] {
            let text = format!(
                r#"{{"d":[{{"id":7,"commit":"aaab","raw_version":"1.0.0","status":"success","is_final":false,
                "is_invalidated":false,"belongs_to__application":{fleet},"release_image":[
                {{"id":2,"image":[{{"id":9,"is_stored_at__image_location":"r/v2/b","content_hash":null,
                "image_size":null,"status":"success","is_a_build_of__service":[{{"id":2,"service_name":"b"}}]}}]}},
                {{"id":1,"image":[{{"id":8,"is_stored_at__image_location":"r/v2/a","content_hash":"{hash}",
                "image_size":{size},"status":"success","is_a_build_of__service":[{{"id":1,"service_name":"a"}}]}}]}}
                ]}}]}}"#
            );
            let rows: Rows<Release> = serde_json::from_str(&text).expect("an answer");
            let [release] = &rows.d[..] else { panic!("one release") };
            assert_eq!((release.id, release.fleet), (7, 3));
            let names: Vec<&str> = release.images.iter().map(|image| &*image.service).collect();
            assert_eq!(names, ["a", "b"]);
            assert_eq!(release.images[0].image_size, 1234);
            assert_eq!(release.images[0].content_hash, Some(Digest::of(b"")));
            assert_eq!(release.images[1].content_hash, None);
        }
    }

    #[test]
    fn a_devices_pin_need_not_be_there() {
        let text = r#"{"id":1,"is_running__release":{"__id":4},"should_be_running__release":null}"#;
        let device: Device = serde_json::from_str(text).expect("a device");
        assert_eq!((device.running, device.pinned, device.wanted), (Some(4), None, None));
    }
}
