//! The JSON in front of a batch, as docker-delta reads it: the version, and the config that the
//! target's containers get.

use std::io::{BufRead, Read as _};

use serde_json::{Map, Value, json};

use super::V2Error;
use super::error::{BatchError, BatchProblem};

/// The longest metadata, its NUL included. docker-delta looks for the NUL in what one event of a
/// stream delivers, which is at most 16 KiB, and forgets what came before.
const MAX_METADATA: usize = 16 << 10;
/// More than any metadata that other tools wrote.
const READ_MAX: u64 = 1 << 20;

/// The fields that `docker inspect` shows of every image's config, in its order, with what it shows
/// for those an image does not set. `None`: left out then.
fn fields() -> [(&'static str, Option<Value>); 25] {
    let empty = || Some(json!(""));
    let no = || Some(json!(false));
    let null = || Some(Value::Null);
    [
        ("Hostname", empty()),
        ("Domainname", empty()),
        ("User", empty()),
        ("AttachStdin", no()),
        ("AttachStdout", no()),
        ("AttachStderr", no()),
        ("ExposedPorts", None),
        ("Tty", no()),
        ("OpenStdin", no()),
        ("StdinOnce", no()),
        ("Env", null()),
        ("Cmd", null()),
        ("Healthcheck", None),
        ("ArgsEscaped", None),
        ("Image", empty()),
        ("Volumes", null()),
        ("WorkingDir", empty()),
        ("Entrypoint", null()),
        ("NetworkDisabled", None),
        ("MacAddress", None),
        ("OnBuild", null()),
        ("Labels", null()),
        ("StopSignal", None),
        ("StopTimeout", None),
        ("Shell", None),
    ]
}

/// The metadata of a delta whose target has the config blob `config`, with the NUL that ends it.
///
/// # Errors
/// If `config` is not an image config, or too long for what reads deltas.
pub(super) fn metadata(config: &[u8]) -> Result<Vec<u8>, V2Error> {
    #[derive(serde::Deserialize)]
    struct ImageConfig {
        #[serde(default)]
        config: Option<Map<String, Value>>,
    }
    let image: ImageConfig = serde_json::from_slice(config).map_err(V2Error::Config)?;
    let config = as_inspected(image.config.unwrap_or_default());
    let mut metadata = json!({"version": 2, "dockerConfig": config}).to_string().into_bytes();
    metadata.push(0);
    match metadata.len() {
        bytes if bytes > MAX_METADATA => Err(V2Error::ConfigTooLong { bytes, limit: MAX_METADATA }),
        _ => Ok(metadata),
    }
}

/// A config in the form in which `docker inspect` gives it: every field that an engine knows, in
/// its order, and no other.
fn as_inspected(mut config: Map<String, Value>) -> Map<String, Value> {
    let mut inspected = Map::new();
    for (name, default) in fields() {
        let value = config.remove(name).filter(|value| !value.is_null()).or(default);
        if let Some(mut value) = value {
            value.sort_all_objects();
            inspected.insert(name.to_owned(), value);
        }
    }
    inspected
}

/// Reads the metadata in front of a batch, up to its NUL, and gives the config.
///
/// # Errors
/// If it is not there, or not that of version 2.
pub(super) fn read_metadata(input: &mut impl BufRead) -> Result<Value, BatchError> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        version: u64,
        #[serde(rename = "dockerConfig")]
        config: Value,
    }
    let mut bytes = Vec::new();
    let refuse = |position: usize, problem| BatchError { position: position as u64, problem };
    let read = input.take(READ_MAX).read_until(0, &mut bytes);
    read.map_err(|error| refuse(bytes.len(), BatchProblem::Io(error.to_string())))?;
    let bad = || refuse(bytes.len(), BatchProblem::Metadata);
    let json = bytes.strip_suffix(&[0]).ok_or_else(bad)?;
    let metadata: Metadata = serde_json::from_slice(json).map_err(|_| bad())?;
    match metadata.version {
        2 => Ok(metadata.config),
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_has_the_form_of_docker_inspect() {
        let config = br#"{"config":{"Labels":{"b":"2","a":"1"},"Cmd":["sh"],"Unknown":1,
            "ExposedPorts":{"80/tcp":{}},"Volumes":null},"rootfs":{}}"#;
        let metadata = metadata(config).expect("valid");
        let expected = concat!(
            r#"{"version":2,"dockerConfig":{"Hostname":"","Domainname":"","User":"","#,
            r#""AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"#,
            r#""ExposedPorts":{"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"#,
            r#""Env":null,"Cmd":["sh"],"Image":"","Volumes":null,"WorkingDir":"","#,
            r#""Entrypoint":null,"OnBuild":null,"Labels":{"a":"1","b":"2"}}}"#,
            "\0"
        );
        assert_eq!(String::from_utf8(metadata).expect("UTF-8"), expected);
    }

    #[test]
    fn an_image_without_a_config_gets_an_empty_one() {
        assert!(metadata(b"{}").expect("valid").starts_with(br#"{"version":2,"dockerConfig":{"#));
        assert!(metadata(br#"{"config":null}"#).is_ok());
        assert!(metadata(b"[]").is_err());
    }

    #[test]
    fn a_nul_in_a_value_does_not_end_the_metadata() {
        let metadata = metadata(br#"{"config":{"Env":["A=\u0000"]}}"#).expect("valid");
        assert_eq!(metadata.iter().position(|&byte| byte == 0), Some(metadata.len() - 1));
    }

    #[test]
    fn metadata_too_long_for_devices_is_refused() {
        let config = json!({"config": {"Env": ["x".repeat(MAX_METADATA)]}}).to_string();
        assert!(matches!(metadata(config.as_bytes()), Err(V2Error::ConfigTooLong { .. })));
    }
}
