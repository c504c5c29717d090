//! What fuzzing reaches of this room's parsers; built for nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::plan::{Circumstances, Source};
use super::{ProjectLimits, ProjectTar, bases, buildkit, context, dotenv, read_project, template};
use crate::tar::{NewEntry, NewKind, TreeWriter};

/// Returns a fleet to read projects for.
fn circumstances() -> Circumstances {
    Circumstances {
        architecture: "aarch64".to_owned(),
        device_type: "raspberrypi4-64".to_owned(),
        fleet_name: "fleet".to_owned(),
        commit: "0123456789abcdef0123456789abcdef".to_owned(),
        dockerfile_path: None,
        multicontainer: true,
    }
}

/// Indexes any bytes as a project, reads it and writes its contexts. Returns the number of services.
pub fn read_tar(bytes: &[u8]) -> Option<usize> {
    let limits = ProjectLimits { entries: 1000, ..ProjectLimits::default() };
    let tar = ProjectTar::index(bytes, &limits).ok()?;
    let project = read_project(&tar, &circumstances()).map_err(|error| error.to_string()).ok()?;
    for service in &project.services {
        if let Source::Build(plan) = &service.source {
            context::write_context(&tar, plan, &mut io::sink()).expect("a sink takes everything");
        }
    }
    Some(project.services.len())
}

/// Reads a text as each of the files that a project may have, and says what the project then comes to.
pub fn read_texts(text: &str) -> [Option<usize>; 4] {
    let _ = buildkit::needs_buildkit(text);
    let _ = bases::bases(text, &BTreeMap::new());
    let _ = template::fill(text, "Dockerfile.template", &[("BALENA_ARCH", "aarch64")]);
    let _ = dotenv::read(text, ".env", &BTreeMap::new(), &mut BTreeSet::new());
    ["docker-compose.yml", ".env", "balena.yml", ".balena/balena.yml"].map(|name| {
        let service = "services: {a: {image: 'x${A:-b}', env_file: .env}}";
        let files = [
            ("docker-compose.yml", service),
            ("Dockerfile", "FROM a"),
            (".env", "A=1"),
            (name, text),
        ];
        let mut writer = TreeWriter::new(Vec::new());
        for (name, content) in files {
            let kind = NewKind::File(content.len() as u64);
            let entry = NewEntry { name: name.as_bytes(), kind, mode: 0o644, mtime: 0 };
            writer.write(&entry, content.as_bytes()).expect("memory takes everything");
        }
        read_tar(&writer.finish().expect("memory takes everything"))
    })
}

#[cfg(test)]
mod tests {
    use super::{read_tar, read_texts};

    #[test]
    fn the_seeds_are_projects() {
        let tar = include_bytes!("../../fuzz/seeds/project_tar/compose");
        assert_eq!(read_tar(tar), Some(2));
        let compose = include_str!("../../fuzz/seeds/project_texts/compose");
        assert_eq!(read_texts(compose)[0], Some(2));
        assert_eq!(read_texts(include_str!("../../fuzz/seeds/project_texts/contract"))[2], Some(1));
    }
}
