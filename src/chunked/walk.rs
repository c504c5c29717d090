//! The way through a chunk that writer and reader go alike: literals, bytes of the base, and references among them.

use std::ops::Range;

use super::ChunkError;
use super::format::CHUNK_PARTS;
use super::opened::PackedMember;
use crate::delta::{BaseBytes, BaseError, Cover, PackedStretch};
use crate::references::{Part, Parts, Predictor, Program, Reference, program_at, references};

/// What a chunk is made of.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Its plain bytes, by places that count from the start of the layer: those of the layer, but contents of members in place of
    /// what they are packed.
    pub(super) range: Range<u64>,
    /// Covers of some of them, in order.
    pub(super) covers: Vec<Cover>,
    /// The programs among them, in order.
    pub(super) programs: Vec<Program>,
    /// Those of the bytes that are contents of members, in order.
    pub(super) members: Vec<PackedMember>,
    /// What is opened of the base.
    pub(super) stretches: Vec<PackedStretch>,
}

impl Plan {
    /// How many stretches no cover has.
    pub(super) fn literals(&self) -> u64 {
        let ends = self.covers.iter().map(Cover::end);
        let starts = self.covers.iter().map(|cover| cover.start);
        let before = std::iter::once(self.range.start).chain(ends);
        let behind = starts.chain([self.range.end]);
        before.zip(behind).filter(|(end, start)| end < start).count() as u64
    }
}

/// Who goes through a chunk.
pub(super) trait Visitor {
    /// Takes the literals of `range`, which are those of `program` if there is one.
    fn literals(&mut self, range: Range<u64>, program: Option<&Program>) -> Result<(), ChunkError>;

    /// Makes `bytes` of the base what is at `at` of the layer.
    fn covered(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), ChunkError>;

    /// Returns what `reference`, which is at `at` of the layer and should be `predicted`, is there. `field` is the base's and
    /// has to be made that.
    fn reference(
        &mut self,
        at: u64,
        reference: &Reference,
        predicted: u64,
        field: &mut [u8],
    ) -> Result<u64, ChunkError>;

    /// Takes finished `bytes`.
    fn finished(&mut self, bytes: &[u8]) -> Result<(), ChunkError>;
}

/// Takes `visitor` through the chunk that `plan` says.
pub(super) fn walk(
    plan: &Plan,
    base: &dyn BaseBytes,
    visitor: &mut impl Visitor,
) -> Result<(), ChunkError> {
    let mut walk = Walk::new(plan, base);
    let mut at = plan.range.start;
    for cover in &plan.covers {
        walk.literals(at..cover.start, visitor)?;
        walk.cover(cover, visitor)?;
        at = cover.end();
    }
    walk.literals(at..plan.range.end, visitor)
}

struct Walk<'a> {
    covers: &'a [Cover],
    /// The programs that are not behind.
    programs: &'a [Program],
    base: &'a dyn BaseBytes,
    /// What knows the references of the program that has so many behind it.
    predictor: Option<(usize, Box<Predictor>)>,
    /// The parts of covers in programs that were begun.
    parts: usize,
    piece: Vec<u8>,
    references: Vec<Reference>,
}

impl<'a> Walk<'a> {
    fn new(plan: &'a Plan, base: &'a dyn BaseBytes) -> Self {
        let Plan { covers, programs, .. } = plan;
        let (piece, references) = (Vec::new(), Vec::new());
        Walk { covers, programs, base, predictor: None, parts: 0, piece, references }
    }

    fn literals(
        &mut self,
        range: Range<u64>,
        visitor: &mut impl Visitor,
    ) -> Result<(), ChunkError> {
        let mut at = range.start;
        while at < range.end {
            let (program, end) = program_at(&mut self.programs, at, range.end);
            visitor.literals(at..end, program)?;
            at = end;
        }
        Ok(())
    }

    fn cover(&mut self, cover: &Cover, visitor: &mut impl Visitor) -> Result<(), ChunkError> {
        let mut at = cover.start;
        while at < cover.end() {
            let (program, end) = program_at(&mut self.programs, at, cover.end());
            if let Some(program) = program {
                self.begin(program)?;
            }
            let offset = cover.offset + (at - cover.start);
            for part in Parts::new(program, offset, at, end - at) {
                self.part(program, at, &part, visitor)?;
                at += part.len;
            }
        }
        Ok(())
    }

    /// Goes through `part` of a cover, which goes to `at` of the layer.
    fn part(
        &mut self,
        program: Option<&Program>,
        at: u64,
        part: &Part,
        visitor: &mut impl Visitor,
    ) -> Result<(), ChunkError> {
        self.piece.clear();
        self.base.copy(part.offset, part.len, &mut self.piece).map_err(of_base)?;
        let (mut rest, mut done) = (&mut self.piece[..], at);
        if let (Some(program), Some(stretch), Some((_, predictor))) =
            (program, &part.stretch, &mut self.predictor)
        {
            references(rest, stretch, &program.base, &mut self.references);
            for reference in &self.references {
                let field = at + reference.at as u64;
                let start = (field - done) as usize;
                let predicted = predictor.predict(stretch, reference);
                let bytes = &mut rest[start..][..reference.byte_len()];
                let actual = visitor.reference(field, reference, predicted, bytes)?;
                predictor.learn(stretch, reference, actual);
                if !reference.is_shared() {
                    let (before, behind) = rest.split_at_mut(start);
                    visitor.covered(done, before)?;
                    (rest, done) =
                        (&mut behind[reference.byte_len()..], field + reference.byte_len() as u64);
                }
            }
        }
        visitor.covered(done, rest)?;
        visitor.finished(&self.piece)
    }

    /// Begins with the references of `program`, the first of those that are not behind, if that was not done.
    fn begin(&mut self, program: &Program) -> Result<(), ChunkError> {
        let number = self.programs.len();
        if self.predictor.as_ref().is_some_and(|(begun, _)| *begun == number) {
            return Ok(());
        }
        // Gone through twice rather than kept: there may be many.
        self.parts += parts_of(program, self.covers).take(CHUNK_PARTS + 1).count();
        if self.parts > CHUNK_PARTS {
            return Err(ChunkError::Programs);
        }
        let (begun, predictor) = self.predictor.get_or_insert_default();
        *begun = number;
        predictor.begin(parts_of(program, self.covers).filter_map(|part| part.stretch));
        Ok(())
    }
}

/// The parts that `covers` have in `program`.
fn parts_of(program: &Program, covers: &[Cover]) -> impl Iterator<Item = Part> {
    let range = program.target.range();
    let first = covers.partition_point(|cover| cover.end() <= range.start);
    let (start, end) = (range.start, range.end);
    let inside = covers[first..].iter().take_while(move |cover| cover.start < end);
    inside.flat_map(move |cover| {
        let at = cover.start.max(start);
        let offset = cover.offset + (at - cover.start);
        Parts::new(Some(program), offset, at, cover.end().min(end) - at)
    })
}

fn of_base(error: BaseError) -> ChunkError {
    match error {
        BaseError::Read(error) | BaseError::Write(error) => ChunkError::Base(error),
    }
}
