//! Contracts of releases and images.

use serde_json::json;

use super::*;
use crate::project::limits::ProjectLimits;
use crate::project::test_projects::project;

fn release(text: &str) -> Result<ReleaseContract, String> {
    let bytes = project(&[("balena.yml", text)]);
    let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
    of_release(&tar).map_err(|error| error.to_string())
}

fn image(files: &[(&str, &str)], labelled: Option<Value>) -> Result<Option<Value>, String> {
    let bytes = project(files);
    let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
    let context = ContextPath::new("web").expect("within");
    of_image(&tar, &context, "a", labelled).map_err(|error| error.to_string())
}

#[test]
fn a_release_has_the_contract_of_the_projects_folder() {
    let read = release("name: n\ntype: sw.application\nversion: 1.2.3-rc1\n").expect("taken");
    assert_eq!(read.semver.as_deref(), Some("1.2.3-rc1"));
    assert_eq!(
        read.contract,
        Some(json!({"name": "n", "type": "sw.application", "version": "1.2.3-rc1"}))
    );
    assert_eq!(release("type: sw.block").expect("taken").semver, None);
    for (text, why) in [
        ("name: n", "balena.yml: type: has to be"),
        ("type: sw.container", "balena.yml: type: has to be"),
        ("- a", "balena.yml: type: has to be"),
        ("type: sw.block\nversion: 1.2", "balena.yml: version: \"1.2\" is not a semantic version"),
        ("type: [", "balena.yml: cannot be read"),
    ] {
        let error = release(text).expect_err(text);
        assert!(error.starts_with(why), "{error}");
    }
}

#[test]
fn an_image_has_one_contract() {
    let contract = "type: sw.container\nname: n\nslug: s\n";
    let expected = json!({"type": "sw.container", "name": "n", "slug": "s"});
    assert_eq!(image(&[("web/contract.yml", contract)], None), Ok(Some(expected.clone())));
    assert_eq!(image(&[("web/contract.yaml", contract)], None), Ok(Some(expected)));
    assert_eq!(image(&[("contract.yml", contract)], Some(json!(1))), Ok(Some(json!(1))));
    for (files, labelled, why) in [
        (
            &[("web/contract.yml", contract), ("web/contract.yaml", contract)][..],
            None,
            "there is web/contract.yaml too",
        ),
        (&[("web/contract.yml", contract)], Some(json!(1)), "a service has one contract"),
        (
            &[("web/contract.yml", "type: x\nname: n\nslug: s")],
            None,
            "type: has to be sw.container",
        ),
        (&[("web/contract.yml", "type: sw.container\nslug: s")], None, "name: is missing"),
        (&[("web/contract.yml", "type: sw.container\nname: n")], None, "slug: is missing"),
        (&[("web/contract.yml", "")], None, "type: has to be"),
    ] {
        let error = image(files, labelled).expect_err(why);
        assert!(
            error.starts_with("web/contract.yml: service \"a\"") && error.contains(why),
            "{error}"
        );
    }
}
