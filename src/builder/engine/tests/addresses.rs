//! Addresses as installations have them.

use super::super::architecture::{Architecture, Machine};
use super::super::engines::Engines;
use super::super::error::EngineError;
use super::super::settings::EngineSettings;
use crate::engine::EngineAddress;

fn shown(text: &str, tls: bool) -> String {
    EngineAddress::parse(text, tls).expect("an address").to_string()
}

#[test]
fn addresses_are_read_with_their_usual_ports() {
    for (text, tls, expected) in [
        ("tcp://engine:2375", false, "tcp://engine:2375"),
        ("tcp://engine", false, "tcp://engine:2375"),
        ("tcp://engine/", true, "https://engine:2376"),
        ("https://engine", false, "https://engine:2376"),
        ("http://engine", true, "tcp://engine:2375"),
        ("tcp://[fd00::1]:99", false, "tcp://[fd00::1]:99"),
        ("tcp://[::1]", false, "tcp://[::1]:2375"),
        ("unix:///var/run/docker.sock", true, "unix:///var/run/docker.sock"),
    ] {
        assert_eq!(shown(text, tls), expected, "{text}");
    }
}

#[test]
fn what_is_no_address_is_refused_with_its_text() {
    let long = format!("unix:///{}", "x".repeat(200));
    for text in [
        "engine:2375",
        "ssh://engine",
        "npipe:////./pipe/docker_engine",
        "tcp://",
        "tcp://:2375",
        "tcp://engine:0",
        "tcp://engine:70000",
        "tcp://engine:x",
        "tcp://user@engine",
        "tcp://engine/path",
        "tcp://engine?query",
        "tcp://fd00::1",
        "tcp://[fd00::1",
        "tcp://[fd00::1]2375",
        "tcp://a b",
        "unix://relative",
        "unix://",
        &long,
    ] {
        let error = EngineAddress::parse(text, false).expect_err(text).to_string();
        let start: String = text.chars().take(8).collect();
        assert!(error.contains(&start), "{error}");
    }
}

#[test]
fn a_list_has_commas_and_names_each_engine_once() {
    let list = EngineAddress::list(" tcp://a , tcp://b:1,,tcp://a:2375,", false).expect("a list");
    let shown: Vec<String> = list.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["tcp://a:2375", "tcp://b:1"]);
    assert_eq!(EngineAddress::list("", false).expect("a list"), []);
}

#[test]
fn no_engine_and_no_place_are_no_settings() {
    let error = Engines::new(EngineSettings::default()).expect_err("no engines");
    assert!(matches!(error, EngineError::NoEngines));
    let amd64 = EngineAddress::list("tcp://a", false).expect("a list");
    let settings = EngineSettings { amd64, places: 0, ..EngineSettings::default() };
    assert!(matches!(Engines::new(settings), Err(EngineError::Setting(_))));
}

#[test]
fn every_architecture_has_its_machine_and_platform() {
    let told = Architecture::ALL.map(|architecture| {
        assert_eq!(architecture.slug().parse(), Ok(architecture));
        (architecture.slug(), architecture.machine(), architecture.platform())
    });
    assert_eq!(
        told,
        [
            ("amd64", Machine::Amd64, "linux/amd64"),
            ("i386", Machine::Amd64, "linux/386"),
            ("i386-nlp", Machine::Amd64, "linux/386"),
            ("aarch64", Machine::Arm64, "linux/arm64/v8"),
            ("armv7hf", Machine::Arm64, "linux/arm/v7"),
            ("rpi", Machine::Arm64, "linux/arm/v6"),
        ]
    );
    assert!("arm64".parse::<Architecture>().is_err());
    assert_eq!(Architecture::Rpi.of_images(), "arm");
}
