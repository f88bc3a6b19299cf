//! One deflate stream that is read.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::TAIL;
use super::inflated::Inflated;
use crate::error::{self, Violation};

/// What one step reads, at the most.
const STEP_BYTES: usize = 4 << 10;

/// What a step costs, in the time that it takes to write one inflated byte, at the most: a little by itself, and so much for
/// each byte that is read. A step reads one block at the most, which begins with its codes: tables have to be built of these,
/// and they may have so many bytes.
const STEP_COST: usize = 64;
const CODES_BYTES: usize = 256;
const CODES_COST: usize = 64;
const READ_COST: usize = 6;

pub(super) struct Inflater(Inflate);

/// What a step has done. Steps end where blocks end, and after so many bytes; so they are the same, however many of them are
/// made in a row.
pub(super) struct Step {
    pub(super) read: usize,
    /// It has neither read nor written anything, nor come to the end of a stream.
    pub(super) idle: bool,
    pub(super) cost: usize,
}

impl Inflater {
    /// For every window: zlib-rs takes the memory of the largest one in any case.
    pub(super) fn new() -> Inflater {
        Inflater(Inflate::new(false, 15))
    }

    /// Forgets what came before.
    pub(super) fn reset(&mut self) {
        self.0.reset(false);
    }

    /// Inflates some of `payload`.
    ///
    /// # Errors
    /// It is no deflate stream, is more than `out` takes, or is to be text and is not.
    pub(super) fn step(&mut self, payload: &[u8], out: &mut Inflated) -> Result<Step, Violation> {
        let input = &payload[..payload.len().min(STEP_BYTES)];
        let (status, read, written) = self.inflate(input, out)?;
        if status == Status::StreamEnd {
            // A final block ends a stream but not the message: another one follows (RFC 7692 §7.2.3.4).
            self.reset();
        }
        let idle = read == 0 && written == 0 && status != Status::StreamEnd;
        Ok(Step { read, idle, cost: cost(read, written) })
    }

    /// The sender has cut a message off within an empty stored block, of which the tail is the rest. So the next block
    /// begins exactly behind the tail: a byte more, which the inflater is to stop in front of, tells whether it does.
    ///
    /// # Errors
    /// It does not, or what is left of the message is more than `out` takes, or is to be text and is not.
    pub(super) fn tail(&mut self, out: &mut Inflated) -> Result<(), Violation> {
        let [a, b, c, d] = TAIL;
        match self.inflate(&[a, b, c, d, 0], out)? {
            (Status::Ok, 4, 0) => Ok(()),
            _ => Err(error::DEFLATE_UNFINISHED),
        }
    }

    /// Up to the end of a block; how many bytes that were, of both sides.
    fn inflate(&mut self, input: &[u8], out: &mut Inflated) -> Result<(Status, usize, usize), Violation> {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let status =
            self.0.decompress(input, out.room(), InflateFlush::Block).map_err(|_| error::DEFLATE_INVALID)?;
        let read = (self.0.total_in() - read) as usize;
        let written = (self.0.total_out() - written) as usize;
        out.advance(written)?;
        Ok((status, read, written))
    }
}

fn cost(read: usize, written: usize) -> usize {
    let codes = read.min(CODES_BYTES);
    STEP_COST + codes * CODES_COST + (read - codes) * READ_COST + written
}
