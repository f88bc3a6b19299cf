//! One direction of a transport.

use std::collections::VecDeque;

/// How bytes that were sent at once arrive.
#[derive(Debug, Clone)]
pub(crate) enum Split {
    /// All at once.
    Whole,
    /// In pieces of these sizes, again and again from the first.
    Sizes(Vec<usize>),
}

pub(crate) struct Wire {
    split: Split,
    next_size: usize,
    latency_ms: u64,
    pieces: VecDeque<(u64, Vec<u8>)>,
}

impl Wire {
    pub(crate) fn new(split: Split, latency_ms: u64) -> Self {
        Self { split, next_size: 0, latency_ms, pieces: VecDeque::new() }
    }

    /// Takes `bytes` on their way; each piece arrives a millisecond after the one before.
    pub(crate) fn send(&mut self, bytes: &mut Vec<u8>, now_ms: u64) {
        let mut arrival_ms =
            self.pieces.back().map_or(0, |(last_ms, _)| last_ms + 1).max(now_ms + self.latency_ms);
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(self.piece_len(rest.len()));
            self.pieces.push_back((arrival_ms, piece.to_vec()));
            rest = after;
            arrival_ms += 1;
        }
        bytes.clear();
    }

    pub(crate) fn next_arrival_ms(&self) -> Option<u64> {
        self.pieces.front().map(|(arrival_ms, _)| *arrival_ms)
    }

    pub(crate) fn receive(&mut self) -> Option<(u64, Vec<u8>)> {
        self.pieces.pop_front()
    }

    fn piece_len(&mut self, available: usize) -> usize {
        match &self.split {
            Split::Whole => available,
            Split::Sizes(sizes) => {
                self.next_size += 1;
                sizes[(self.next_size - 1) % sizes.len()].clamp(1, available)
            }
        }
    }
}
