//! `remora store verify`: everything that is stored or deployed compared with what it is known by.

use std::fmt::{self, Display, Formatter};

use clap::Args;
use remora::Cause;
use remora::deploy::{self, AuditReport, DamagedDeployment};
use remora::fetch::{self, PullOptions, RepairReport};
use remora::image::Transports;
use remora::store::{Store, VerifyReport};
use serde::Serialize;

use super::deployment_arguments::DeploymentArguments;
use super::failure::Failure;
use super::registry_access::RegistryArguments;
use super::session::Session;
use super::troubles::{self, Lines};
use super::units;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Fetch again what is damaged, from where the images came, and mend deployments that have damaged files
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    deployments: DeploymentArguments,
    #[command(flatten)]
    registry: RegistryArguments,
}

impl Verify {
    pub(super) fn run(&self, store: &Store, session: &Session) -> Result<(), Failure> {
        if store.has_objects() {
            // Files of another user's deployments say nothing to root.
            store.refuse_foreign_files()?;
        }
        let report = store.verify()?;
        let repair = if self.repair { Some(self.repair(store, session)?) } else { None };
        // Where there is no home directory, the store knows its deployments all the same.
        let deployments = self.deployments.open().ok();
        if let (Some(repair), Some(deployments)) = (&repair, &deployments) {
            deploy::recover(&repair.removed_records, deployments, store)?;
        }
        let progress = session.progress();
        let deployed = deploy::audit(store, deployments.as_ref(), &report, self.repair, progress)?;
        let trouble = all_trouble(&report, repair.as_ref(), &deployed, !session.json());
        let failure = match &repair {
            Some(_) => trouble.or(lasting_damage(&deployed)),
            None => damage(&report, &deployed).or(trouble),
        };
        let answer = Verified { report, deployed, repair };
        match failure {
            None => session.answer(&answer),
            Some(failure) => session.answer_with(&answer, failure),
        }
    }

    fn repair(&self, store: &Store, session: &Session) -> Result<RepairReport, Failure> {
        let transports = Transports::new(self.registry.settings())?;
        Ok(fetch::repair(store, &PullOptions::default(), &transports, session.progress())?)
    }
}

/// That something was damaged.
fn damage(report: &VerifyReport, deployed: &AuditReport) -> Option<Failure> {
    let counts = [
        (report.damaged.len() + report.missing.len(), "layer"),
        (report.damaged_objects.len(), "shared file"),
        (deployed.damaged.len() + deployed.unknown.len(), "deployment"),
        (deployed.broken_links.len(), "link to a current deployment"),
        (report.damaged_records.len(), "record"),
    ];
    let there = counts.iter().filter(|(count, _)| *count > 0);
    let there: Vec<_> = there.map(|(count, kind)| units::several(*count as u64, kind)).collect();
    if there.is_empty() {
        return None;
    }
    Some(Failure::new(
        Cause::Content,
        format!("not what they were: {}", there.join(", ")),
        "damaged layers and shared files have been dropped; fetch them again and mend the rest with --repair, and check the disk",
    ))
}

/// That not all could be checked, or mended; the answer `lists` why if it is text.
fn all_trouble(
    report: &VerifyReport,
    repair: Option<&RepairReport>,
    deployed: &AuditReport,
    lists: bool,
) -> Option<Failure> {
    let mut all = report.troubles.clone();
    let later = repair.iter().flat_map(|repair| &repair.troubles).chain(&deployed.troubles);
    for trouble in later {
        if !all.contains(trouble) {
            all.push(trouble.clone());
        }
    }
    let done = if repair.is_some() { "repaired" } else { "checked" };
    troubles::failure(&format!("not all of the store could be {done}"), &all, lists)
}

/// That deployments are damaged in a way that nothing here mends.
fn lasting_damage(deployed: &AuditReport) -> Option<Failure> {
    let failure = |what, hint| Some(Failure::new(Cause::Content, what, hint));
    if let Some(first) = deployed.damaged.iter().find(|it| it.is_damaged_still()) {
        let what = format!("{} is still not as it was made", first.rootfs.display());
        return failure(
            what,
            "take away what the image does not have, or deploy the image anew with --again",
        );
    }
    if let Some(first) = deployed.not_compared.first() {
        let what = format!("{} could not be compared: its layers are missing", first.display());
        return failure(what, "pull the image again, and verify once more");
    }
    if let Some(first) = deployed.unknown.first() {
        let what =
            format!("the store does not know of the deployment {} any more", first.display());
        return failure(what, "deploy the image again: the store does not have it by name");
    }
    let first = deployed.broken_links.first()?;
    failure(
        first.to_string(),
        "move away what stands there, and deploy an image under that name again",
    )
}

#[derive(Serialize)]
struct Verified {
    #[serde(flatten)]
    report: VerifyReport,
    deployed: AuditReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<RepairReport>,
}

impl Display for Verified {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        writeln!(out, "checked: {}, {}", units::layers(report.layers), units::bytes(report.bytes))?;
        if report.objects > 0 {
            let files = units::several(report.objects, "shared file");
            writeln!(out, "checked: {files}, {}", units::bytes(report.object_bytes))?;
        }
        report.damaged.iter().try_for_each(|diff_id| writeln!(out, "damaged: {diff_id}"))?;
        report.missing.iter().try_for_each(|diff_id| writeln!(out, "missing: {diff_id}"))?;
        let files = &report.damaged_objects;
        files.iter().try_for_each(|content| writeln!(out, "damaged: a file {content}"))?;
        report.damaged_records.iter().try_for_each(|it| writeln!(out, "damaged: {it}"))?;
        let mut lines = Lines::default();
        lines.write(out, "not checked", &report.troubles)?;
        if let Some(repair) = &self.repair {
            repair.fetched.iter().try_for_each(|layer| writeln!(out, "fetched: {layer}"))?;
            let records = &repair.removed_records;
            records.iter().try_for_each(|path| writeln!(out, "removed: {}", path.display()))?;
            lines.write(out, "not repaired", &repair.troubles)?;
        }
        write_deployments(out, &self.deployed)?;
        let done = if self.repair.is_some() { "not repaired" } else { "not checked" };
        lines.write(out, done, &self.deployed.troubles)
    }
}

fn write_deployments(out: &mut Formatter<'_>, deployed: &AuditReport) -> fmt::Result {
    if deployed.deployments > 0 {
        writeln!(out, "checked: {}", units::several(deployed.deployments, "deployment"))?;
    }
    deployed.damaged.iter().try_for_each(|damaged| write_damage(out, damaged))?;
    let not_compared = &deployed.not_compared;
    not_compared.iter().try_for_each(|tree| {
        writeln!(out, "not compared, its layers are missing: {}", tree.display())
    })?;
    let unknown = &deployed.unknown;
    unknown.iter().try_for_each(|tree| {
        writeln!(out, "damaged: the store has no record of {}", tree.display())
    })?;
    deployed.broken_links.iter().try_for_each(|link| writeln!(out, "damaged: {link}"))?;
    let none = &deployed.none_current;
    none.iter().try_for_each(|site| writeln!(out, "nothing is current: {}", site.display()))?;
    let own = &deployed.changeable;
    own.iter().try_for_each(|tree| {
        writeln!(out, "not compared, its containers may change it: {}", tree.display())
    })?;
    let away = &deployed.out_of_reach;
    away.iter().try_for_each(|tree| writeln!(out, "not mounted: {}", tree.display()))
}

fn write_damage(out: &mut Formatter<'_>, damaged: &DamagedDeployment) -> fmt::Result {
    writeln!(out, "damaged: {}", damaged.rootfs.display())?;
    let counts = [
        (damaged.differing, "not as the image says"),
        (damaged.mended, "made again"),
        (damaged.foreign, "not of the image: left alone"),
        (damaged.record.into(), "record of the deployment that can't be read"),
        (damaged.config.into(), "config.json that is not the one that was made"),
    ];
    for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "         {} {what}", units::count(*count))?;
    }
    let paths = &damaged.paths;
    paths.iter().try_for_each(|path| writeln!(out, "         {path:?}"))?;
    let not_mended = &damaged.not_mended;
    not_mended.iter().try_for_each(|it| writeln!(out, "         not made again: {it}"))
}
