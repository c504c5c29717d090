//! Rules of compose files, a row each.

use serde_json::json;

use super::keys::Rule;
use super::*;
use crate::project::limits::ProjectLimits;
use crate::project::test_projects::project;

fn read_with(compose: &str, files: &[(&str, &str)]) -> Result<Composed, String> {
    let all: Vec<(&str, &str)> =
        [("docker-compose.yml", compose)].iter().chain(files).copied().collect();
    let bytes = project(&all);
    let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
    let read = read_file(&tar).map_err(|error| error.to_string());
    read.map(|composed| composed.expect("a compose file"))
}

/// A service `a` with this key, in a file that has what it may refer to.
fn with_key(key: &str) -> String {
    let key = key.replace('\n', "\n    ");
    format!(
        "services:\n  a:\n    image: x\n    {key}\n  other:\n    image: x\nvolumes:\n  data: {{}}\nnetworks:\n  net: {{}}\n"
    )
}

fn service(key: &str) -> Result<(Value, Vec<String>), String> {
    let composed = read_with(
        &with_key(key),
        &[("a.env", "A=1\nB=$A-$FROM\nC\n"), (".env", "FROM=env\nC=3\n")],
    )?;
    Ok((composed.composition["services"]["a"].clone(), composed.warnings))
}

fn refusal(compose: &str) -> String {
    let error = read_with(compose, &[]).expect_err(compose);
    assert!(
        error.starts_with("docker-compose.yml: ") && !error.contains('\n') && error.len() < 1000,
        "{error}"
    );
    error
}

#[test]
fn every_key_that_a_table_refuses_is_refused_by_its_name() {
    let refused = |table: &'static [(&str, Rule)]| {
        table.iter().filter(|(_, rule)| matches!(rule, Rule::Refused(_))).map(|(key, _)| *key)
    };
    for key in refused(keys::SERVICE) {
        let error = refusal(&with_key(&format!("{key}: {{}}")));
        assert!(
            error.starts_with(&format!(
                "docker-compose.yml: service \"a\": {key}: is not supported: "
            )),
            "{error}"
        );
    }
    for key in refused(keys::BUILD) {
        let error = refusal(&format!("services: {{a: {{build: {{context: ., {key}: x}}}}}}"));
        assert!(
            error.contains(&format!("service \"a\": build.{key}: is not supported: ")),
            "{error}"
        );
    }
    for key in refused(keys::TOP) {
        let error = refusal(&format!("{key}: {{}}\nservices: {{a: {{image: x}}}}"));
        assert!(
            error.starts_with(&format!("docker-compose.yml: {key}: is not supported: ")),
            "{error}"
        );
    }
    for (table, top) in [(keys::NETWORK, "networks"), (keys::VOLUME, "volumes")] {
        for key in refused(table) {
            let error =
                refusal(&format!("services: {{a: {{image: x}}}}\n{top}: {{n: {{{key}: true}}}}"));
            assert!(
                error.starts_with(&format!("docker-compose.yml: {top}.n.{key}: is not supported")),
                "{error}"
            );
        }
    }
}

#[test]
fn what_the_tables_refuse_is_what_balena_refuses() {
    let service = "blkio_config configs cpu_count cpu_percent cpu_period credential_spec deploy develop external_links \
                   gpus isolation links logging mem_swappiness memswap_limit oom_kill_disable platform pull_policy \
                   runtime scale secrets stdin_open storage_opt extends profiles";
    let build = "additional_contexts cache_to dockerfile_inline entitlements isolation network no_cache platforms \
                 privileged pull secrets ssh tags ulimits";
    for (table, names) in
        [(keys::SERVICE, service), (keys::BUILD, build), (keys::TOP, "secrets configs include")]
    {
        for name in names.split_whitespace() {
            let rule = table.iter().find(|(key, _)| *key == name).map(|(_, rule)| rule);
            assert!(matches!(rule, Some(Rule::Refused(_))), "{name}");
        }
    }
}

#[test]
fn keys_that_nobody_knows_are_refused() {
    for (compose, start) in [
        (with_key("imagine: x"), "service \"a\": imagine: is not a key that is known here"),
        (
            with_key("mem-limit: 1m"),
            "service \"a\": mem-limit: is not a key that is known here: correct or remove it (is \"mem_limit\" meant?)",
        ),
        (with_key("build: {contxt: .}"), "service \"a\": build.contxt: is not a key"),
        (with_key("healthcheck: {tset: x}"), "service \"a\": healthcheck.tset: is not a key"),
        (
            with_key("networks: {net: {alias: x}}"),
            "service \"a\": networks.net.alias: is not a key",
        ),
        ("services: {a: {image: x}}\nservice: {}".to_owned(), "service: is not a key"),
        (
            "services: {a: {image: x}}\nvolumes: {v: {drive: x}}".to_owned(),
            "volumes.v.drive: is not a key",
        ),
        ("a: {image: x}".to_owned(), "a: is not a key"),
    ] {
        let error = refusal(&compose);
        assert!(error.starts_with(&format!("docker-compose.yml: {start}")), "{error}");
    }
}

#[test]
fn values_that_devices_do_not_take_are_refused() {
    for (key, text) in [
        ("network_mode: container:x", "network_mode: names a container"),
        ("pid: container:x", "pid: names a container"),
        ("ipc: service:other", "ipc: names a service"),
        ("volumes_from: ['container:x']", "volumes_from: names a container"),
        (
            "security_opt: ['seccomp:file.json']",
            "security_opt: \"seccomp:file.json\" is not supported",
        ),
        ("security_opt: [label=disable]", "security_opt: \"label=disable\""),
        ("networks: {net: {link_local_ips: [x]}}", "networks.net.link_local_ips: is not supported"),
        ("pids_limit: -1", "pids_limit: is negative"),
        ("devices: [vendor.com/class=x]", "CDI"),
        ("build: https://example.com/x.git", "remote context"),
        ("build: {context: x.git}", "remote context"),
        ("build: ../up", "leads out of the project"),
        ("build: /etc", "leads out of the project"),
        ("volumes: ['/etc:/etc']", "\"/etc\" of the device cannot be mounted"),
        ("volumes: ['./x:/x']", "\"./x\" of the device"),
        ("volumes: ['~/x:/x']", "of the device"),
        ("volumes: [/x]", "has no name"),
        ("volumes: ['data:/x:nocopy']", "nocopy"),
        ("volumes: [{type: bind, source: /etc, target: /x}]", "\"/etc\" of the device"),
        ("volumes: [{type: image, source: y, target: /x}]", "type \"image\""),
        ("volumes: [{type: npipe, source: y, target: /x}]", "type \"npipe\""),
        ("volumes: [{type: cluster, source: y, target: /x}]", "type \"cluster\""),
        (
            "volumes: [{type: volume, source: data, target: /x, volume: {nocopy: true}}]",
            "volumes.volume: options",
        ),
        ("volumes: [{type: tmpfs, target: /x, tmpfs: {size: 1}}]", "volumes.tmpfs: options"),
        ("volumes: [{type: volume, target: /x}]", "has no name"),
        ("volumes: [{source: data, target: /x}]", "has no type"),
        (
            "depends_on: {other: {condition: service_healthy}}",
            "depends_on.other.condition: has to be service_started",
        ),
        (
            "depends_on: {other: {condition: service_started, required: false}}",
            "depends_on.other.required",
        ),
        ("depends_on: [nobody]", "depends_on: the service \"nobody\" is not in the file"),
        ("network_mode: service:nobody", "network_mode: the service \"nobody\""),
        ("networks: [nowhere]", "networks: the network \"nowhere\""),
        ("volumes: ['nothing:/x']", "volumes: the volume \"nothing\""),
        ("depends_on: [a]", "depends_on: services depend on each other"),
        ("env_file: ../../etc/passwd", "env_file: \"../../etc/passwd\" leads out of the project"),
        ("env_file: /etc/passwd", "env_file: \"/etc/passwd\" leads out of the project"),
        ("env_file: missing.env", "env_file: \"missing.env\" is not in the project"),
        ("label_file: /etc/passwd", "label_file: \"/etc/passwd\" leads out"),
        ("environment: ['1A=x']", "environment: \"1A\" is not a variable name"),
        ("environment: {A-B: x}", "environment: \"A-B\" is not a variable name"),
        ("environment: x", "environment: has to be a map"),
        ("environment: {A: [x]}", "environment.A: has to be a text"),
        ("labels: {'a b': x}", "labels: \"a b\" is not a label name"),
        ("labels: {'a`b': x}", "is not a label name"),
        ("labels: {io.balena.features.requires.arch.sw: z80}", "\"z80\" is not an architecture"),
        ("privileged: 7", "privileged: has to be true or false"),
        ("oom_score_adj: x", "oom_score_adj: has to be a number"),
        ("command: {a: b}", "command: has to be a text"),
        ("user: $", "user: \"$\" is no variable"),
        ("user: ${NO:?say who}", "user: needs the variable NO: say who"),
        ("ports: [{published: 1}]", "has no target"),
        ("extra_hosts: [x]", "is not of the form host:address"),
        ("shm_size: {}", "shm_size: has to be a number"),
    ] {
        let error = refusal(&with_key(key));
        assert!(
            error.starts_with("docker-compose.yml: service \"a\": ") && error.contains(text),
            "{key}: {error}"
        );
    }
    let long = format!("labels: {{a: {}}}", "x".repeat(301));
    assert!(refusal(&with_key(&long)).contains("labels.a: is longer than 300"));
    let long = format!("environment: {{a: {}}}", "x".repeat(100_001));
    assert!(refusal(&with_key(&long)).contains("environment.a: is longer than 100000"));
}

#[test]
fn files_that_make_no_sense_are_refused() {
    for (compose, text) in [
        ("", "services: there are none"),
        ("services: {}", "services: there are none"),
        ("services: [a]", "services: has to be a map"),
        ("- a", "has to be a map"),
        ("services: {a: }", "service \"a\": says nothing"),
        ("services: {a: {tty: true}}", "service \"a\": has neither build nor image"),
        ("version: '1'\nservices: {a: {image: x}}", "version: \"1\" is not supported"),
        ("services: {a b: {image: x}}", "the service name \"a b\""),
        ("services: {-a: {image: x}}", "the service name \"-a\""),
        ("services: {a: {image: x}}\nvolumes: {_v: {}}", "the volume name \"_v\""),
        ("services: {a: {image: x}}\nnetworks: {'n/m': {}}", "the network name \"n/m\""),
        (
            "services: {a: {image: x}}\nnetworks: {n: {driver: overlay}}",
            "networks.n.driver: \"overlay\" is not supported",
        ),
        ("services: {a: {image: x}}\nnetworks: {n: {enable_ipv6: true}}", "networks.n.enable_ipv6"),
        (
            "services: {a: {image: x}}\nnetworks: {n: {ipam: {config: [{aux_addresses: {}}]}}}",
            "networks.n.ipam.config.aux_addresses",
        ),
        ("services: {a: {image: x}}\nvolumes: {v: {driver: nfs}}", "volumes.v.driver: \"nfs\""),
        ("services: {a: {image: x}, a: {image: y}}", "cannot be read"),
        ("services: [", "cannot be read"),
    ] {
        let error = refusal(compose);
        assert!(error.contains(text), "{compose}: {error}");
    }
    let name = "a".repeat(64);
    assert!(refusal(&format!("services: {{{name}: {{image: x}}}}")).contains("longer than 63"));
    let many: String = (0..101).map(|number| format!("  s{number}: {{image: x}}\n")).collect();
    assert!(refusal(&format!("services:\n{many}")).contains("at most 100"));
}

#[test]
fn long_forms_become_short() {
    for (key, composed) in [
        (
            "ports: [80, '81:82', {target: 1, published: 2, host_ip: 1.2.3.4, protocol: udp}, {target: 3, protocol: tcp}]",
            json!({"ports": ["80", "81:82", "1.2.3.4:2:1/udp", "3"]}),
        ),
        (
            "depends_on: {other: {condition: service_started, required: true}}",
            json!({"depends_on": ["other"]}),
        ),
        (
            "devices: [/dev/a, '/dev/a:/dev/b', '/dev/a:/dev/b:r', {source: /dev/c, target: /dev/d, permissions: rw}]",
            json!({"devices": ["/dev/a:/dev/a:rwm", "/dev/a:/dev/b:rwm", "/dev/a:/dev/b:r", "/dev/c:/dev/d:rw"]}),
        ),
        (
            "volumes: ['data:/a', 'data:/b:ro', {type: volume, source: data, target: /c, read_only: true}, {type: tmpfs, target: /t}]",
            json!({"volumes": ["data:/a", "data:/b:ro", "data:/c:ro"], "tmpfs": ["/t"]}),
        ),
        ("tmpfs: /t\nvolumes: [{type: tmpfs, target: /u}]", json!({"tmpfs": ["/t", "/u"]})),
        ("volumes: [{type: tmpfs, target: /u}]\ntmpfs: [/t]", json!({"tmpfs": ["/u", "/t"]})),
        ("extra_hosts: [a=1.2.3.4, 'b:::1']", json!({"extra_hosts": ["a:1.2.3.4", "b:::1"]})),
        ("dns: 8.8.8.8\ndns_search: [a, b]", json!({"dns": ["8.8.8.8"], "dns_search": ["a", "b"]})),
        ("extra_hosts: {a: 1.2.3.4}", json!({"extra_hosts": ["a:1.2.3.4"]})),
        (
            "security_opt: ['no-new-privileges:true', 'apparmor:unconfined', seccomp=unconfined]",
            json!({"security_opt": ["no-new-privileges=true", "apparmor=unconfined", "seccomp=unconfined"]}),
        ),
        ("environment: [A=1, B, C]", json!({"environment": {"A": "1", "B": "", "C": "3"}})),
        (
            "environment: {A: 1, B: true, D: 1.5, E: }",
            json!({"environment": {"A": "1", "B": "true", "D": "1.5", "E": ""}}),
        ),
        ("labels: [a=b, c]", json!({"labels": {"a": "b", "c": ""}})),
        ("env_file: a.env", json!({"environment": {"A": "1", "B": "1-env", "C": "3"}})),
        (
            "env_file: [{path: a.env, required: true}, {path: no.env, required: false}]\nenvironment: {A: 2}",
            json!({"environment": {"A": "2", "B": "2-env", "C": "3"}}),
        ),
        (
            "label_file: a.env\nlabels: {A: own}",
            json!({"labels": {"A": "own", "B": "1-env", "C": ""}}),
        ),
        ("sysctls: [net.a=1]", json!({"sysctls": {"net.a": "1"}})),
        (
            "privileged: '${FROM:+true}'\npids_limit: '7'\nuser: 1000",
            json!({"privileged": true, "pids_limit": 7, "user": "1000"}),
        ),
        (
            "command: x y\nentrypoint: [a, 1]\nrestart: no\nmem_limit: 64m",
            json!({"command": "x y", "entrypoint": ["a", "1"], "restart": "no", "mem_limit": "64m"}),
        ),
        (
            "networks: {net: , default: {aliases: [x]}}",
            json!({"networks": {"net": {}, "default": {"aliases": ["x"]}}}),
        ),
        ("networks: [net]", json!({"networks": ["net"]})),
        ("x-mine: {a: b}\nentrypoint: \ncommand: $$HOME", json!({"command": "$HOME"})),
        (
            "build: {context: ./web, shm_size: 64m, args: [A=1, B, C], target: t}",
            json!({"build": {"shm_size": "64m", "args": {"A": "1", "C": "3"}, "target": "t", "context": "web", "tags": ["x"]}}),
        ),
        ("build: {args: {}}", json!({"build": {"args": {}, "context": ".", "tags": ["x"]}})),
    ] {
        let (mut found, warnings) = service(key).expect(key);
        found.as_object_mut().expect("a map").shift_remove("image");
        assert_eq!(found, composed, "{key}");
        assert!(warnings.is_empty(), "{key}: {warnings:?}");
    }
}

#[test]
fn mounts_of_the_device_become_labels() {
    for (sources, labels) in [
        (&["/var/run/docker.sock"][..], &["balena-socket"][..]),
        (&["/var/run/balena-engine.sock"], &["balena-socket"]),
        (&["/run/dbus"], &["dbus"]),
        (&["/sys/"], &["sysfs"]),
        (&["/proc"], &["procfs"]),
        (&["/lib/modules"], &["kernel-modules"]),
        (&["/lib/firmware"], &["firmware"]),
        (&["/var/log/journal", "/run/log/journal", "/etc/machine-id"], &["journal-logs"]),
        (&["/sys", "/proc"], &["procfs", "sysfs"]),
    ] {
        let mounts: Vec<String> = sources.iter().map(|source| format!("'{source}:/x'")).collect();
        let (found, warnings) =
            service(&format!("volumes: [{}]", mounts.join(", "))).expect("taken");
        let labels: Map<String, Value> = labels
            .iter()
            .map(|label| (format!("io.balena.features.{label}"), json!("1")))
            .collect();
        assert_eq!(found, json!({"image": "x", "labels": labels}), "{sources:?}");
        assert!(warnings.is_empty());
    }
    let (found, warnings) =
        service("volumes: ['/etc/machine-id:/etc/machine-id:ro']").expect("taken");
    assert_eq!(found, json!({"image": "x"}));
    assert!(warnings[0].contains("journal-logs needs all of /var/log/journal"), "{warnings:?}");
}

#[test]
fn what_is_left_out_is_told() {
    for (key, warning) in [
        ("container_name: x", "service \"a\": container_name: is left out"),
        ("expose: [80]", "service \"a\": expose: is left out"),
        ("ports: [{target: 1, mode: host}]", "service \"a\": ports.mode: is left out"),
        (
            "labels: {io.balena.private.x: y}",
            "service \"a\": labels.io.balena.private.x: labels that begin with",
        ),
        ("oom_score_adj: -900", "service \"a\": oom_score_adj: is so low"),
        ("user: ${HOME}x", "The \"HOME\" variable is not set. Defaulting to a blank string"),
        ("uts: host", "service \"a\": has keys that old supervisors ignore"),
    ] {
        let (_, warnings) = service(key).expect(key);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(warning), "{key}: {warnings:?}");
    }
    let composed =
        read_with("version: '3.8'\nservices: {a: {image: x}}", &[(".env", "COMPOSE_PROFILES=a")])
            .expect("taken");
    assert_eq!(composed.warnings.len(), 2, "{:?}", composed.warnings);
}

#[test]
fn variables_come_from_the_project_alone() {
    // Every process has these.
    for name in ["HOME", "PATH"] {
        assert!(std::env::var_os(name).is_some(), "{name} is set");
        let (found, warnings) = service(&format!("user: x${{{name}}}x")).expect("taken");
        assert_eq!(found["user"], "xx");
        assert!(warnings[0].contains(name));
    }
}

#[test]
fn labels_make_contracts() {
    let key = "labels: {io.balena.features.requires.sw.supervisor: '>=10', io.balena.features.requires.sw.l4t: '<33', \
               io.balena.features.requires.hw.device-type: pi, io.balena.features.requires.arch.sw: aarch64, \
               io.balena.features.requires.sw.balena-os: '>2', io.balena.features.requires.sw.linux: '>5', \
               io.balena.features.requires.other: x}";
    let composed = read_with(&with_key(key), &[]).expect("taken");
    let expected = json!({"type": "sw.container", "slug": "contract-for-a", "requires": [
        {"type": "arch.sw", "slug": "aarch64"},
        {"type": "hw.device-type", "slug": "pi"},
        {"type": "sw.l4t", "version": "<33"},
        {"type": "sw.supervisor", "version": ">=10"},
        {"or": [{"type": "sw.os", "slug": "balena-os", "version": ">2"}]},
        {"or": [{"type": "sw.kernel", "slug": "linux", "version": ">5"}]},
    ]});
    assert_eq!(composed.services[0].contract, Some(expected));
    assert_eq!(composed.services[1].contract, None);
}

#[test]
fn anchors_and_merge_keys_serve() {
    let compose = "x-common: &common\n  restart: always\n  environment: &env {A: 1}\nservices:\n  a:\n    <<: *common\n    image: x\n    environment:\n      <<: *env\n      B: 2\n";
    let composed = read_with(compose, &[]).expect("taken");
    let expected = json!({"restart": "always", "image": "x", "environment": {"A": "1", "B": "2"}});
    assert_eq!(
        composed.composition,
        json!({"services": {"a": expected}, "networks": {}, "volumes": {}})
    );
}

#[test]
fn the_first_of_two_compose_files_counts() {
    let composed =
        read_with("services: {a: {image: x}}", &[("docker-compose.yaml", "services: [")])
            .expect("taken");
    assert_eq!(composed.file, "docker-compose.yml");
    let bytes = project(&[("docker-compose.yaml", "services: {a: {image: x}}")]);
    let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
    assert_eq!(read_file(&tar).expect("taken").expect("a file").file, "docker-compose.yaml");
}

#[test]
fn variables_do_not_make_a_file_large() {
    let long = format!("A={}", "x".repeat(90_000));
    let uses: String = (0..100).map(|number| format!("    - X{number}=$A\n")).collect();
    let compose = format!("services:\n  a:\n    image: x\n    environment:\n{uses}");
    let error = read_with(&compose, &[(".env", &long)]).expect_err("too large");
    assert!(error.contains("once variables are replaced"), "{error}");
}
