//! Which Dockerfile is found.

use super::*;
use crate::project::limits::ProjectLimits;
use crate::project::test_projects::{circumstances, project};

fn found(files: &[&str], given: Option<&str>) -> Result<Found, String> {
    let files: Vec<(&str, &str)> = files.iter().map(|file| (*file, *file)).collect();
    let bytes = project(&files);
    let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
    let place = Place::file("f");
    let context = ContextPath::default();
    let wanted = Wanted { service: "main", context: &context, given, place: &place };
    find(&tar, &wanted, &circumstances()).map_err(|error| error.to_string())
}

#[test]
fn the_strongest_dockerfile_is_found() {
    const ARCH: &str = "Architecture-specific Dockerfile";
    const TEMPLATE: &str = "Dockerfile.template";
    const PLAIN: &str = "Standard Dockerfile";
    let all =
        ["Dockerfile", "Dockerfile.template", "Dockerfile.aarch64", "Dockerfile.raspberrypi4-64"];
    for (files, given, path, name, project_type) in [
        (&all[..], None, "Dockerfile.raspberrypi4-64", "Dockerfile", ARCH),
        (&all[..3], None, "Dockerfile.aarch64", "Dockerfile", ARCH),
        (&all[..2], None, "Dockerfile.template", "Dockerfile", TEMPLATE),
        (&all[..1], None, "Dockerfile", "Dockerfile", PLAIN),
        (
            &["Dockerfile", "Dockerfile.amd64", "package.json"],
            None,
            "Dockerfile",
            "Dockerfile",
            PLAIN,
        ),
        (&["My"], Some("./My"), "My", "My", PLAIN),
        (&["My", "My.template"], Some("My"), "My.template", "My", TEMPLATE),
        (&["My", "My.template", "My.aarch64"], Some("My"), "My.aarch64", "My", ARCH),
        (&["sub/My.template"], Some("sub/My.template"), "sub/My.template", "sub/My", TEMPLATE),
        (&["sub/My.template"], Some("sub/My"), "sub/My.template", "sub/My", TEMPLATE),
        (&["My.raspberrypi4-64"], Some("My.raspberrypi4-64"), "My.raspberrypi4-64", "My", ARCH),
        (
            &["Dockerfile.prod"],
            Some("Dockerfile.prod"),
            "Dockerfile.prod",
            "Dockerfile.prod",
            PLAIN,
        ),
        (&["a.docker.aarch64"], Some("a.docker"), "a.docker.aarch64", "a.docker", ARCH),
        (&["v1.2/My"], Some("v1.2/My"), "v1.2/My", "v1.2/My", PLAIN),
    ] {
        let (path, name) = (path.to_owned(), name.to_owned());
        let text = path.clone();
        assert_eq!(
            found(files, given),
            Ok(Found { name, path, text, project_type }),
            "{files:?} {given:?}"
        );
    }
}

#[test]
fn a_dockerfile_that_is_missing_is_told() {
    for (files, given, text) in [
        (&["a"][..], None, "Could not find a Dockerfile for this service"),
        (&["Dockerfile.amd64"], None, "Could not find a Dockerfile for this service"),
        (&["package.json"], None, "add a Dockerfile"),
        (&["Dockerfile"], Some("Other"), "Specified file not found or is invalid: Other"),
        (&["Dockerfile"], Some("../Dockerfile"), "leads out of the build context"),
        (&["Dockerfile"], Some("/Dockerfile"), "leads out of the build context"),
        (&["Dockerfile"], Some("."), "leads out of the build context"),
        (&[".balena/Dockerfile"], Some(".balena/Dockerfile"), "Specified file not found"),
    ] {
        let error = found(files, given).expect_err(text);
        assert!(error.starts_with("f: ") && error.contains(text), "{error}");
    }
}

#[test]
fn names_are_replaced_in_templates_only() {
    let text = "%%BALENA_MACHINE_NAME%% %%RESIN_MACHINE_NAME%% %%BALENA_ARCH%% %%RESIN_ARCH%% %%BALENA_SERVICE_NAME%% \
                %%BALENA_APP_NAME%% %%BALENA_RELEASE_HASH%%";
    let filled = "raspberrypi4-64 raspberrypi4-64 aarch64 aarch64 main thermostats 0123456789abcdef0123456789abcdef";
    for (file, expected) in
        [("Dockerfile", text), ("Dockerfile.template", filled), ("Dockerfile.aarch64", filled)]
    {
        let bytes = project(&[(file, text)]);
        let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
        let (context, place) = (ContextPath::default(), Place::file("f"));
        let wanted = Wanted { service: "main", context: &context, given: None, place: &place };
        assert_eq!(find(&tar, &wanted, &circumstances()).expect("found").text, expected, "{file}");
    }
}
