//! The first process of a container: what the image's config says, in the words of the runtime spec.

use serde_json::{Map, Value, json};

use super::user::User;

/// Where programs are looked for if the image does not say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What root may do in a container of Podman's.
const CAPABILITIES: [&str; 11] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// Open files that the process may have: as many as engines give, few enough for programs that close them all.
const OPEN_FILES: u64 = 1024;

/// Returns the `process` object for what `config` says of the process.
///
/// # Errors
/// If nothing is to be run, or the working directory is no absolute path: one line that says so.
pub(super) fn process(config: &Map<String, Value>, user: &User) -> Result<Value, String> {
    let cwd = config.get("WorkingDir").and_then(Value::as_str).filter(|path| !path.is_empty());
    let cwd = cwd.unwrap_or("/");
    if !cwd.starts_with('/') {
        return Err("the working directory is no absolute path".to_owned());
    }
    let args = [texts(config, "Entrypoint")?, texts(config, "Cmd")?].concat();
    if args.is_empty() {
        return Err("it names no command to run".to_owned());
    }
    let mut env = texts(config, "Env")?;
    if !env.iter().any(|variable| variable.starts_with("PATH=")) {
        env.insert(0, PATH.to_owned());
    }
    let mut numbers = Map::new();
    numbers.insert("uid".to_owned(), user.uid.into());
    numbers.insert("gid".to_owned(), user.gid.into());
    if !user.groups.is_empty() {
        numbers.insert("additionalGids".to_owned(), user.groups.clone().into());
    }
    Ok(json!({
        "terminal": false,
        "user": numbers,
        "args": args,
        "env": env,
        "cwd": cwd,
        "capabilities": capabilities(user),
        "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": OPEN_FILES, "soft": OPEN_FILES }],
    }))
}

/// What the process may do. A user who is not root has nothing of it until it runs a file that gives it.
fn capabilities(user: &User) -> Value {
    let held: &[&str] = if user.uid == 0 { &CAPABILITIES } else { &[] };
    json!({ "bounding": CAPABILITIES, "effective": held, "permitted": held })
}

/// A list of texts, which may be missing.
fn texts(config: &Map<String, Value>, field: &str) -> Result<Vec<String>, String> {
    let wrong = || format!("{field} is no list of texts");
    match config.get(field) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => {
            let text = |item: &Value| item.as_str().map(str::to_owned);
            let texts: Option<Vec<String>> = items.iter().map(text).collect();
            let texts = texts.ok_or_else(wrong)?;
            match texts.iter().any(|text| text.contains('\0')) {
                true => Err(format!("{field} has a NUL byte in it")),
                false => Ok(texts),
            }
        }
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(config: Value, user: &User) -> Result<Value, String> {
        process(config.as_object().expect("an object"), user)
    }

    #[test]
    fn command_environment_and_folder_are_the_images() {
        let user = User { uid: 5, gid: 6, groups: vec![7] };
        let config = json!({
            "Entrypoint": ["/init"], "Cmd": ["a", "b"], "Env": ["A=b", "PATH=/x"], "WorkingDir": "/w"
        });
        let process = made(config, &user).expect("made");
        assert_eq!(process["args"], json!(["/init", "a", "b"]));
        assert_eq!(process["env"], json!(["A=b", "PATH=/x"]));
        assert_eq!(process["cwd"], "/w");
        assert_eq!(process["user"], json!({ "uid": 5, "gid": 6, "additionalGids": [7] }));
        assert_eq!(process["capabilities"]["effective"], json!([]));
    }

    #[test]
    fn what_the_image_does_not_say_has_a_default() {
        let process = made(json!({ "Cmd": ["sh"], "Env": null }), &User::default()).expect("made");
        assert_eq!(process["env"], json!([PATH]));
        assert_eq!(process["cwd"], "/");
        assert_eq!(process["user"], json!({ "uid": 0, "gid": 0 }));
        assert_eq!(process["capabilities"]["effective"], json!(CAPABILITIES));
    }

    #[test]
    fn what_nothing_can_be_started_with_is_refused() {
        for config in [
            json!({}),
            json!({ "Cmd": [] }),
            json!({ "Cmd": "sh" }),
            json!({ "Cmd": [1] }),
            json!({ "Cmd": ["a\0b"] }),
            json!({ "Cmd": ["sh"], "WorkingDir": "x/../.." }),
            json!({ "Cmd": ["sh"], "Env": {} }),
        ] {
            made(config.clone(), &User::default()).expect_err(&config.to_string());
        }
    }
}
