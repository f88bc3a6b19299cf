//! Empty queues, kept for the next connection that is sent something.

use super::output::OutputQueue;

/// So many are kept at most,
const QUEUES_MAX: usize = 256;
/// and so much memory in them.
const BYTES_MAX: usize = 1 << 20;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct SpareOutputs {
    #[expect(clippy::vec_box, reason = "the boxes are what is kept: connections hold them")]
    queues: Vec<Box<OutputQueue>>,
    /// What their blocks take.
    bytes: usize,
}

impl SpareOutputs {
    pub(super) fn take(&mut self) -> Box<OutputQueue> {
        let queue = self.queues.pop().unwrap_or_default();
        self.bytes -= queue.capacity();
        queue
    }

    /// Keeps a queue that is empty, if there is room for it.
    pub(super) fn keep(&mut self, queue: Box<OutputQueue>) {
        let bytes = self.bytes + queue.capacity();
        if self.queues.len() < QUEUES_MAX && bytes <= BYTES_MAX {
            self.bytes = bytes;
            self.queues.push(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let mut spare = SpareOutputs::default();
        let used = |bytes| {
            let mut queue = Box::<OutputQueue>::default();
            queue.push_copy(&[], bytes, |block| block.resize(block.len() + bytes, 0));
            queue.leave(bytes);
            queue
        };
        let queues: Vec<_> = (0..2 * BYTES_MAX / (32 << 10)).map(|_| used(20_000)).collect();
        queues.into_iter().for_each(|queue| spare.keep(queue));
        assert!(spare.bytes <= BYTES_MAX && spare.bytes >= BYTES_MAX / 2, "{}", spare.bytes);
        while spare.bytes > 0 {
            spare.take();
        }
        (0..2 * QUEUES_MAX).for_each(|_| spare.keep(Box::default()));
        assert_eq!(spare.queues.len(), QUEUES_MAX);
    }
}
