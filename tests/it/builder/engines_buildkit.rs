//! Builds at a real Docker Engine with BuildKit.

use remora::api::Secret;
use remora::builder::engine::{BuildRequest, BuildSecret, EngineError, Login};

use super::engine_contexts::{BASE, Ended, build, context, engines, native, place, request, wait};
use crate::docker::Docker;

fn by_buildkit(name: &str) -> BuildRequest {
    let mut request = request(name);
    request.buildkit = true;
    request
}

fn built(docker: &Docker, request: &BuildRequest, dockerfile: &str) -> Ended {
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        build(place.engine(), request, context(dockerfile, &[])).await
    })
}

#[test]
fn buildkit_builds_and_tells_its_steps() {
    let docker = Docker::shared();
    let dockerfile = format!("{BASE}RUN echo from buildkit; printf 'no end'\n");
    let ended = built(&docker, &by_buildkit("buildkit"), &dockerfile);
    assert_eq!(ended.built().architecture, native().of_images());
    let text = ended.text();
    for words in [" from buildkit", " no end", "RUN echo from buildkit", "DONE"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_secret_is_there_for_the_step_and_in_no_image() {
    let docker = Docker::shared();
    let mut request = by_buildkit("secret");
    request.secrets.push(BuildSecret { id: "pass".to_owned(), content: b"hush hush".to_vec() });
    let dockerfile = format!(
        "{BASE}RUN --mount=type=secret,id=pass,required=true \
         read -r word < /run/secrets/pass; [ \"$word\" = 'hush hush' ] && echo the same\n\
         RUN [ ! -e /run/secrets/pass ] || [ ! -s /run/secrets/pass ]\n"
    );
    let ended = built(&docker, &request, &dockerfile);
    ended.built();
    assert!(ended.text().contains(" the same"), "{}", ended.text());
    assert!(!ended.text().contains("hush hush\n"), "{}", ended.text());
    request.secrets.clear();
    request.no_cache = true;
    assert!(matches!(built(&docker, &request, &dockerfile).error(), EngineError::Failed { .. }));
}

#[test]
fn a_step_that_fails_is_told_with_its_code_by_buildkit_too() {
    let docker = Docker::shared();
    let dockerfile = format!("{BASE}RUN echo before; exit 9\n");
    let ended = built(&docker, &by_buildkit("buildkit-fails"), &dockerfile);
    assert!(matches!(ended.error(), EngineError::Failed { code: Some(9), .. }), "{ended:?}");
    assert!(ended.text().contains(" before"), "{}", ended.text());
    let ended = built(&docker, &by_buildkit("buildkit-no"), "FROM scratch\nFETCH coffee\n");
    assert!(matches!(ended.error(), EngineError::Failed { .. }), "{:?}", ended.error());
}

#[test]
fn logins_that_no_step_needs_do_no_harm() {
    let docker = Docker::shared();
    let mut request = by_buildkit("buildkit-logins");
    let login = Login::Token(Secret::new("token"));
    request.registries.insert("127.0.0.1:9".to_owned(), login);
    built(&docker, &request, BASE).built();
    let ended = built(&docker, &request, "FROM 127.0.0.1:9/v2/nowhere:latest\n");
    assert!(ended.error().to_string().contains("127.0.0.1:9"), "{:?}", ended.error());
}

#[test]
fn a_heredoc_is_built_or_refused_in_words() {
    let docker = Docker::shared();
    let dockerfile = format!("{BASE}RUN <<END\necho one\necho two\nEND\n");
    let ended = built(&docker, &by_buildkit("heredoc"), &dockerfile);
    match &ended.outcome {
        Ok(_) => assert!(ended.text().contains(" two"), "{}", ended.text()),
        // Engines before Docker 23 know heredocs from a frontend that is pulled alone.
        Err(EngineError::Failed { message, .. }) => {
            assert!(message.contains("unknown instruction"), "{message}");
        }
        Err(other) => panic!("{other:?}"),
    }
}
