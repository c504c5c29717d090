//! The streams of a chunk, made from its plan.

use std::ops::Range;

use rayon::prelude::*;

use super::ChunkError;
use super::coding::packed_len;
use super::format::{CHUNK_RAW_BYTES, PROGRAMS_BYTES};
use super::gather::Part;
use super::opened::{OpenedBase, write_members, write_stretches};
use super::plain::Plain;
use super::programs::write_programs;
use super::streams::{StreamKind, Streams};
use super::walk::{Plan, Visitor, walk};
use crate::delta::{Base, BaseBytes, Cover, covers_within};
use crate::leb128::{folded, push};
use crate::references::{Program, Reference, Side, to_absolute};

/// So many bytes of code that are literal pay one byte that tells of their program: absolute addresses take three in a hundred
/// less once they are coded.
const CODE_PER_BYTE: u64 = 32;

/// Returns the streams of the chunk `part` of the layer `target`, without its programs if they make more of them than there may be.
///
/// # Errors
/// If what `part` says of members or of the base is not so.
pub(super) fn fill(base: &Base<'_>, target: &[u8], mut part: Part) -> Result<Streams, ChunkError> {
    let plain = Plain::of_part(target, &part).ok_or(ChunkError::Members)?;
    let base = OpenedBase::new(base, &part.plan.stretches)?;
    let opened = base.opened_len();
    let fits = |streams: &Streams| {
        streams.len() as u64 + opened <= CHUNK_RAW_BYTES
            && streams.of(StreamKind::Programs).len() as u64 <= PROGRAMS_BYTES
    };
    match filled(&base, &plain, &part.plan) {
        Ok(streams) if fits(&streams) => Ok(streams),
        _ => {
            part.plan.programs.clear();
            filled(&base, &plain, &part.plan)
        }
    }
}

fn filled(base: &dyn BaseBytes, plain: &Plain<'_>, plan: &Plan) -> Result<Streams, ChunkError> {
    let mut filling = Filling { plain, streams: Streams::default(), gap: 0, reference_gap: 0 };
    filling.covers(plan);
    let Plan { range, programs, members, stretches, .. } = plan;
    let streams = &mut filling.streams;
    *streams.of_mut(StreamKind::Programs) = write_programs(programs, range.start);
    let plain_len = range.end - range.start;
    *streams.of_mut(StreamKind::Members) = write_members(members, range.start, plain_len);
    *streams.of_mut(StreamKind::OpenedBase) = write_stretches(stretches);
    walk(plan, base, &mut filling)?;
    Ok(filling.streams)
}

struct Filling<'a> {
    plain: &'a Plain<'a>,
    streams: Streams,
    /// Unchanged bytes of covers since the last change.
    gap: u64,
    /// References that were predicted rightly since the last that was not.
    reference_gap: u64,
}

impl Filling<'_> {
    fn covers(&mut self, plan: &Plan) {
        let (mut at, mut displacement) = (plan.range.start, 0i64);
        for cover in &plan.covers {
            push(self.streams.of_mut(StreamKind::LiteralLengths), cover.start - at);
            push(self.streams.of_mut(StreamKind::CoverLengths), cover.len);
            let own = cover.offset as i64 - cover.start as i64;
            let change = own.wrapping_sub(displacement);
            push(self.streams.of_mut(StreamKind::Displacements), folded(change));
            (at, displacement) = (cover.end(), own);
        }
    }
}

impl Visitor for Filling<'_> {
    fn literals(&mut self, range: Range<u64>, program: Option<&Program>) -> Result<(), ChunkError> {
        let literals = self.streams.of_mut(StreamKind::Literals);
        let before = literals.len();
        let pieces = self.plain.pieces(range.start, range.end - range.start);
        pieces.for_each(|piece| literals.extend_from_slice(piece));
        if let Some(Program { target, .. }) = program {
            to_absolute(&mut literals[before..], range.start, target);
        }
        Ok(())
    }

    fn covered(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), ChunkError> {
        let (plain, mut rest) = (self.plain, &*bytes);
        for new in plain.pieces(at, bytes.len() as u64) {
            let (old, behind) = rest.split_at(new.len());
            rest = behind;
            for (new, old) in new.iter().zip(old) {
                if new == old {
                    self.gap += 1;
                    continue;
                }
                push(self.streams.of_mut(StreamKind::Gaps), self.gap);
                self.streams.of_mut(StreamKind::Changes).push(new.wrapping_sub(*old));
                self.gap = 0;
            }
        }
        Ok(())
    }

    fn reference(
        &mut self,
        at: u64,
        reference: &Reference,
        predicted: u64,
        field: &mut [u8],
    ) -> Result<u64, ChunkError> {
        // What is no such field any more is changed byte by byte.
        let actual = reference.value(self.plain.tail(at)).unwrap_or(predicted);
        reference.set(field, actual);
        if actual == predicted {
            self.reference_gap += 1;
            return Ok(actual);
        }
        push(self.streams.of_mut(StreamKind::ReferenceGaps), self.reference_gap);
        let correction = actual.wrapping_sub(predicted) as i64;
        push(self.streams.of_mut(StreamKind::Corrections), folded(correction));
        self.reference_gap = 0;
        Ok(actual)
    }

    fn finished(&mut self, _: &[u8]) -> Result<(), ChunkError> {
        Ok(())
    }
}

/// Returns about how many bytes `covers` of `program`, which have nothing else, take in a layer delta.
pub fn program_cost(base: &Base<'_>, target: &[u8], covers: &[Cover], program: &Program) -> u64 {
    let (range, covers) = (program.target.range(), covers.to_vec());
    let plan = Plan { range, covers, programs: vec![program.clone()], ..Plan::default() };
    let packed = |streams: Streams| {
        StreamKind::ALL.map(|kind| packed_len(streams.of(kind)) as u64).into_iter().sum()
    };
    filled(base, &Plain::of_layer(target), &plan).map_or(u64::MAX, packed)
}

/// Returns those of `programs` that make the streams of the layer smaller, each with its base's regions only if these do.
pub(super) fn paying(
    base: &Base<'_>,
    target: &[u8],
    covers: &[Cover],
    programs: Vec<Program>,
) -> Vec<Program> {
    let paying = |program| pays(base, target, covers, program);
    programs.into_par_iter().filter_map(paying).collect()
}

fn pays(base: &Base<'_>, target: &[u8], covers: &[Cover], program: Program) -> Option<Program> {
    let range = program.target.range();
    let covers = covers_within(covers, &range);
    let mut none = Plan { range: range.clone(), covers, ..Plan::default() };
    let target = &Plain::of_layer(target);
    let without = filled(base, target, &none).ok()?.len() as u64;
    let saved = code_literals(&none, &program.target) / CODE_PER_BYTE;
    none.programs = vec![program];
    if filled(base, target, &none).is_ok_and(|with| with.len() as u64 <= without + saved) {
        return none.programs.pop();
    }
    let mut program = none.programs.pop()?;
    program.base = Side { regions: Vec::new(), limit: 0 };
    let told = write_programs(std::slice::from_ref(&program), range.start).len() as u64;
    (told <= saved).then_some(program)
}

/// How many literals of `plan` are code of `target`.
fn code_literals(plan: &Plan, target: &Side) -> u64 {
    let (mut at, mut code) = (plan.range.start, 0);
    for cover in &plan.covers {
        code += target.code_in(at..cover.start);
        at = cover.end();
    }
    code + target.code_in(at..plan.range.end)
}
