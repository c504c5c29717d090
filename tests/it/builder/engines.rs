//! Builds at a real Docker Engine with the classic builder.

use std::time::Duration;

use remora::Cause;
use remora::builder::engine::{Architecture, EngineError, Line};

use super::engine_contexts::{
    BASE, build, build_at, context, engines, native, place, request, wait,
};
use crate::docker::{Docker, Podman};

/// How often is looked whether something has ended, and the pause between.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

#[test]
fn two_steps_give_an_image_with_its_size_and_architecture() {
    let docker = Docker::shared();
    let dockerfile =
        format!("{BASE}ARG GREETING\nRUN echo \"$GREETING\" > /greeting\nRUN echo done\n");
    let ended = wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let mut request = request("two-steps");
        request.arguments.insert("GREETING".to_owned(), "hello & welcome".to_owned());
        request.labels.insert("some".to_owned(), "label".to_owned());
        let ended = build(place.engine(), &request, context(&dockerfile, &[])).await;
        assert!(place.engine().has_image("127.0.0.1:9/v2/two-steps:latest").await.expect("asked"));
        ended
    });
    let built = ended.built();
    assert!(built.id.starts_with("sha256:") && built.size > 1_000_000, "{built:?}");
    assert_eq!(built.architecture, native().of_images());
    let text = ended.text();
    assert!(text.contains("Step 1/7 : FROM scratch\n"), "{text}");
    assert!(text.contains("\ndone\n"), "{text}");
}

#[test]
fn a_socket_of_this_machine_leads_to_an_engine_too() {
    let docker = Docker::shared();
    build_at(&docker.socket(), "by-socket", BASE).built();
}

#[test]
fn a_step_that_fails_is_told_with_its_code() {
    let docker = Docker::shared();
    let ended = build_at(&docker.address(), "fails", &format!("{BASE}RUN echo before; exit 7\n"));
    match ended.error() {
        EngineError::Failed { message, code: Some(7) } => {
            assert!(message.contains("returned a non-zero code: 7"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(ended.error().cause(), Cause::Content);
    assert!(ended.text().contains("\nbefore"), "{}", ended.text());
}

#[test]
fn what_is_no_dockerfile_and_a_missing_one_are_refused_with_the_engines_words() {
    let docker = Docker::shared();
    let ended = build_at(&docker.address(), "no-dockerfile", "FROM scratch\nFETCH me a coffee\n");
    let told = ended.error().to_string();
    assert!(told.contains("FETCH"), "{told}");
    let ended = wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let mut request = request("missing-dockerfile");
        request.dockerfile = "elsewhere/Dockerfile".to_owned();
        build(place.engine(), &request, context(BASE, &[])).await
    });
    let told = ended.error().to_string();
    assert!(told.contains("elsewhere/Dockerfile"), "{told}");
}

#[test]
fn a_base_image_that_is_nowhere_is_named() {
    let docker = Docker::shared();
    let base = "FROM 127.0.0.1:9/v2/nowhere:latest\n";
    let ended = build_at(&docker.address(), "no-base", base);
    let told = ended.error().to_string();
    assert!(told.contains("127.0.0.1:9"), "{told}");
}

#[test]
fn output_without_a_lines_end_does_not_run_into_the_engines_words() {
    let docker = Docker::shared();
    let dockerfile = format!("{BASE}RUN printf 'no end'\nRUN printf 'a\\nb\\rc\\n'\n");
    let ended = build_at(&docker.address(), "no-line-end", &dockerfile);
    ended.built();
    let text = ended.text();
    for line in ["no end", "a", "c"] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert!(ended.lines.contains(&Line::Replace("b".to_owned())), "{text}");
}

#[test]
fn what_steps_write_to_the_terminal_keeps_its_colours_and_loses_the_rest() {
    let docker = Docker::shared();
    let dockerfile =
        format!("{BASE}RUN printf '\\033[2J\\033]0;title\\007\\033[32mgreen\\033[0m\\n'\n");
    let ended = build_at(&docker.address(), "colours", &dockerfile);
    ended.built();
    assert!(ended.text().contains("\n\x1b[32mgreen\x1b[0m\n"), "{:?}", ended.text());
}

#[test]
fn two_megabytes_of_output_arrive_whole() {
    let docker = Docker::shared();
    let dockerfile = format!(
        "{BASE}RUN i=0; while [ $i -lt 20000 ]; do i=$((i+1)); \
         echo \"line $i ....................................................................................\"; \
         done\n"
    );
    let ended = build_at(&docker.address(), "long-log", &dockerfile);
    ended.built();
    let numbers = ended.lines.iter().filter_map(|line| match line {
        Line::Text(text) => text.strip_prefix("line ")?.split(' ').next()?.parse::<u32>().ok(),
        Line::Replace(_) => None,
    });
    assert!(numbers.eq(1..=20_000), "lines are missing or out of order");
}

#[test]
fn an_image_for_other_processors_is_refused() {
    let docker = Docker::shared();
    let ended = wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        build(place.engine(), &request("own-processor"), context(BASE, &[])).await.built();
        let mut other = request("other-processor");
        other.architecture = Architecture::Armv7hf;
        build(
            place.engine(),
            &other,
            context(&format!("FROM {}\n", request("own-processor").tag), &[]),
        )
        .await
    });
    match ended.error() {
        EngineError::WrongArchitecture { built, wanted } => {
            assert_eq!((built.as_str(), wanted.as_str()), (native().of_images(), "arm"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn programs_of_other_processors_are_told_to_need_emulation() {
    let docker = Docker::shared();
    // A program for a processor that no emulator of any machine is registered for.
    let mut program = vec![0; 4096];
    program[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x77\x77");
    let ended = wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let tar = context("FROM scratch\nCOPY sh /bin/sh\nRUN true\n", &[("sh", &program)]);
        build(place.engine(), &request("emulation"), tar).await
    });
    match ended.error() {
        EngineError::NoEmulation { platform, .. } => assert_eq!(platform, native().platform()),
        other => panic!("{other:?}: {}", ended.text()),
    }
    assert!(ended.error().to_string().contains("binfmt_misc"));
}

#[test]
fn a_build_that_nobody_waits_for_ends_at_the_engine() {
    let docker = Docker::start();
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let dockerfile = format!("{BASE}RUN echo begun; sleep 600\n");
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let mut begun = Some(sender);
        let tar = context(&dockerfile, &[]);
        let stream = futures_util::stream::iter([Ok(bytes::Bytes::from(tar))]);
        let (request, engine) = (request("cancelled"), place.engine());
        let mut sink = |line| {
            if line == Line::Text("begun".to_owned()) {
                let told = begun.take().map(|begun| begun.send(()));
                assert!(told.is_none_or(|told| told.is_ok()), "nobody waits");
            }
        };
        tokio::select! {
            outcome = engine.build(&request, stream, &mut sink) => panic!("{outcome:?}"),
            _ = receiver => {}
        }
    });
    for _ in 0..TRIES {
        if docker.containers() == 0 {
            return;
        }
        std::thread::sleep(PAUSE);
    }
    panic!("a container is left: {}", docker.log());
}

#[test]
fn files_that_cannot_be_read_are_not_the_engines_fault() {
    let docker = Docker::shared();
    wait(async {
        let place = place(&engines(&[&docker.address()])).await;
        let pieces = [Ok(bytes::Bytes::from(vec![0; 512])), Err(std::io::Error::other("torn"))];
        let stream = futures_util::stream::iter(pieces);
        let outcome = place.engine().build(&request("torn"), stream, &mut |_| ()).await;
        assert!(matches!(outcome, Err(EngineError::Context(_))), "{outcome:?}");
    });
}

#[test]
fn podman_builds_as_well() {
    let podman = Podman::start();
    let ended = build_at(&podman.address(), "by-podman", &format!("{BASE}RUN echo from podman\n"));
    assert_eq!(ended.built().architecture, native().of_images());
    assert!(ended.text().contains("from podman"), "{}", ended.text());
    let ended = build_at(&podman.address(), "podman-fails", &format!("{BASE}RUN exit 3\n"));
    assert!(matches!(ended.error(), EngineError::Failed { .. }), "{:?}", ended.error());
}
