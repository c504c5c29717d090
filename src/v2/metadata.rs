//! The JSON in front of a batch, as docker-delta reads it: the version, and the config that the
//! target's containers get.

use std::io::Read;

use serde_json::{Map, Value, json};

use super::V2Error;
use super::error::{BatchError, BatchProblem};
use super::input::BatchInput;

/// The longest metadata, its NUL included. docker-delta looks for the NUL in what one event of a
/// stream delivers, which is at most 16 KiB, and forgets what came before.
const MAX_METADATA: usize = 16 << 10;
/// More than any metadata that other tools wrote.
const READ_MAX: usize = 1 << 20;

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

/// The metadata of a delta whose target has `config` as its config's `config` object, with the NUL
/// that ends it.
///
/// # Errors
/// If it is too long for what reads deltas.
pub(super) fn metadata(config: &Map<String, Value>) -> Result<Vec<u8>, V2Error> {
    let config = as_inspected(config.clone());
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

/// Reads the metadata in front of a batch, up to its NUL, and gives the config that the target's
/// containers get.
///
/// # Errors
/// If it is not there, or not that of version 2.
pub(super) fn read_metadata<R: Read>(input: &mut BatchInput<R>) -> Result<Value, BatchError> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        version: u64,
        #[serde(rename = "dockerConfig")]
        config: Value,
    }
    let mut json = Vec::new();
    loop {
        match input.byte()? {
            0 => break,
            _ if json.len() == READ_MAX => return Err(input.error(BatchProblem::Metadata)),
            byte => json.push(byte),
        }
    }
    match serde_json::from_slice(&json) {
        Ok(Metadata { version: 2, config }) => Ok(config),
        _ => Err(input.error(BatchProblem::Metadata)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(config: Value) -> Result<Vec<u8>, V2Error> {
        metadata(config.as_object().expect("an object"))
    }

    #[test]
    fn the_config_has_the_form_of_docker_inspect() {
        let metadata = of(json!({
            "Labels": {"b": "2", "a": "1"}, "Cmd": ["sh"], "Unknown": 1,
            "ExposedPorts": {"80/tcp": {}}, "Volumes": null,
        }));
        let metadata = metadata.expect("short");
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
    fn a_nul_in_a_value_does_not_end_the_metadata() {
        let metadata = of(json!({"Env": ["A=\0"]})).expect("short");
        assert_eq!(metadata.iter().position(|&byte| byte == 0), Some(metadata.len() - 1));
        let read = read_metadata(&mut BatchInput::new(&metadata[..])).expect("valid");
        assert_eq!(read["Env"], json!(["A=\0"]));
    }

    #[test]
    fn metadata_too_long_for_devices_is_refused() {
        let long = of(json!({"Env": ["x".repeat(MAX_METADATA)]}));
        assert!(matches!(long, Err(V2Error::ConfigTooLong { .. })));
    }

    #[test]
    fn what_is_not_metadata_is_refused() {
        for bytes in ["", "{}\0", "{\"version\":3,\"dockerConfig\":{}}\0", "{\"version\":2", "\0"] {
            assert!(read_metadata(&mut BatchInput::new(bytes.as_bytes())).is_err(), "{bytes:?}");
        }
    }
}
