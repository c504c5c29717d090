//! An engine's words about a build that failed, for people who see nothing of the engine: without what only its authors
//! need, and with what to do.

/// What BuildKit puts before what went wrong, for each part of it that the error came through.
const PASSED_THROUGH: [&str; 5] = [
    "failed to solve: ",
    "failed to solve with frontend dockerfile.v0: ",
    "failed to create LLB definition: ",
    "failed to read dockerfile: ",
    "rpc error: code = Unknown desc = ",
];

/// Words that all stand in an error, and what to do then. The first row that fits counts.
const ADVICE: [(&[&str], &str); 17] = [
    (&["network bridge not found"], NO_BRIDGE),
    (&["could not find a network"], NO_BRIDGE),
    (&["frontend gateway.v0", "dial tcp"], NO_FRONTEND),
    (&["frontend gateway.v0", "timeout"], NO_FRONTEND),
    (
        &["failed to compute cache key", "not found"],
        "it is not in the build context: look at its name and at .dockerignore",
    ),
    (
        &["toomanyrequests"],
        "put a login for that registry into .balena/registry-secrets.json, or push again later",
    ),
    (&["pull access denied"], NO_LOGIN),
    (&["insufficient_scope"], NO_LOGIN),
    (&["unauthorized"], NO_LOGIN),
    (&["authentication required"], NO_LOGIN),
    (&["no such host"], NO_REGISTRY),
    (&["dial tcp"], NO_REGISTRY),
    (&["TLS handshake timeout"], NO_REGISTRY),
    (&["manifest unknown"], "the registry has no such image or tag"),
    (&["no matching manifest"], NO_PLATFORM),
    (&["no match for platform"], NO_PLATFORM),
    (&["no space left on device"], "the engine's disk is full: tell whoever runs the builder"),
];

const NO_BRIDGE: &str = "the engine has no network of its own for RUN steps: whoever runs the builder has to name one, \
     host or none";
const NO_FRONTEND: &str = "the engine cannot fetch the image that the line # syntax= names: remove the line, or let the \
     engine reach that registry";
const NO_LOGIN: &str =
    "look at the image's name; if it is private, put a login into .balena/registry-secrets.json";
const NO_REGISTRY: &str = "the engine cannot reach that host: look at the name";
const NO_PLATFORM: &str = "the base image has none for these devices: use another one";
/// How BuildKit says that nothing mounts this secret.
const SECRET: [&str; 2] = ["secret ", " not found: not found"];
/// How BuildKit says that there is no such image.
const NO_IMAGE: &str = ": not found";

/// How engines say that an image is gone which they had a moment ago: a build's own, or one of its steps'.
const VANISHED: [&str; 4] = [
    "failed to get digest sha256:",
    "unable to find image \"sha256:",
    "No such image: sha256:",
    "An image does not exist locally with the tag: ",
];

/// Whether the engine fails because somebody removed an image that it needs.
pub(super) fn is_of_a_vanished_image(message: &str) -> bool {
    VANISHED.iter().any(|words| message.starts_with(words))
}

/// What went wrong, and what to do if that is known.
pub(super) fn told(message: &str) -> String {
    let bare = bare(message);
    match advice(message, bare) {
        Some(advice) => format!("{bare}; {advice}"),
        None => bare.to_owned(),
    }
}

fn bare(message: &str) -> &str {
    let mut bare = message;
    while let Some(rest) = PASSED_THROUGH.iter().find_map(|words| bare.strip_prefix(words)) {
        bare = rest;
    }
    bare
}

fn advice(message: &str, bare: &str) -> Option<&'static str> {
    let fits = |words: &&[&str]| words.iter().all(|word| message.contains(word));
    if let Some((_, advice)) = ADVICE.iter().find(|(words, _)| fits(words)) {
        return Some(advice);
    }
    if bare.starts_with(SECRET[0]) && bare.ends_with(SECRET[1]) {
        return Some("name it under build-secrets in .balena/balena.yml");
    }
    let is_image = message.contains(PASSED_THROUGH[2]) && bare.ends_with(NO_IMAGE);
    is_image.then_some("the registry has no such image or tag")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_that_vanished_are_told_from_those_that_never_were() {
        for message in [
            "failed to get digest sha256:0e57: open /var/lib/docker/x: no such file or directory",
            "unable to find image \"sha256:0e57\"",
            "No such image: sha256:0e57",
            "An image does not exist locally with the tag: 127.0.0.1:5000/v2/a",
        ] {
            assert!(is_of_a_vanished_image(message), "{message}");
        }
        for message in ["manifest for a:1 not found", "No such image: a:1", "unable to find image"]
        {
            assert!(!is_of_a_vanished_image(message), "{message}");
        }
    }

    /// Errors of Docker 20.10, of its two builders.
    #[test]
    fn errors_say_what_to_do() {
        let before = "failed to solve with frontend dockerfile.v0: ";
        let definition = "failed to create LLB definition: ";
        for (message, bare, advice) in [
            (
                "executor failed running [/bin/sh -c a]: network bridge not found".to_owned(),
                "executor",
                "host or none",
            ),
            (
                "failed to compute cache key: \"/a\" not found: not found".to_owned(),
                "failed to compute",
                ".dockerignore",
            ),
            (format!("{before}{definition}host/a:1: not found"), "host/a:1", "no such image"),
            (
                "manifest for host/a:1 not found: manifest unknown: manifest unknown".to_owned(),
                "manifest for",
                "no such image",
            ),
            (
                format!(
                    "{before}failed to solve with frontend gateway.v0: failed to do request: Head \"https://a/v2/\": dial tcp: lookup a: no such host"
                ),
                "failed to solve with frontend gateway",
                "# syntax=",
            ),
            (
                "Get \"https://a/v2/\": dial tcp: lookup a on 10.0.0.1:53: no such host".to_owned(),
                "Get",
                "cannot reach",
            ),
            (
                "pull access denied for a, repository does not exist or may require 'docker login'"
                    .to_owned(),
                "pull",
                "registry-secrets",
            ),
            (
                "no matching manifest for linux/arm/v6 in the manifest list entries".to_owned(),
                "no matching",
                "use another",
            ),
            ("secret nope not found: not found".to_owned(), "secret nope", "build-secrets"),
        ] {
            let told = told(&message);
            assert!(told.starts_with(bare) && told.contains(advice), "{told}");
        }
    }

    #[test]
    fn words_that_need_nothing_stay_as_they_are() {
        for message in
            ["The command '/bin/sh -c exit 7' returned a non-zero code: 7", "", "secret santa"]
        {
            assert_eq!(told(message), message);
        }
        let error = "failed to solve: rpc error: code = Unknown desc = exit code: 7";
        assert_eq!(told(error), "exit code: 7");
    }
}
