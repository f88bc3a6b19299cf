//! What waits to be sent to one connection.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};

/// Frames of many receivers from this size on are not copied into the queue: all share one buffer.
const SHARE_BYTES_MIN: usize = 1 << 10;
/// For a frame of one receiver sharing means a second block and reference counting, which costs more than copying
/// until it is about this large.
const SHARE_SINGLE_BYTES_MIN: usize = 8 << 10;
/// A block of small frames; dropping a frame moves at most this much, and one is kept for the next use.
const BLOCK_BYTES_MAX: usize = 32 << 10;
/// Blocks that one system call sends.
const SLICES_MAX: usize = 64;
/// Bytes that one connection sends in one turn of the loop, so that a long queue delays nobody.
pub(super) const FLUSH_BYTES_MAX: usize = 1 << 20;

/// Frames in the order in which they leave. A connection has one only while something waits.
#[derive(Debug, Default)]
pub(super) struct OutputQueue {
    blocks: VecDeque<Block>,
    frames: VecDeque<Mark>,
    /// Bytes of the first block that have left.
    block_sent: usize,
    /// Bytes of the first frame that have left.
    frame_sent: usize,
    /// Bytes that have not left.
    len: usize,
    /// Those of them that are data frames': what counts against the limit.
    data_len: usize,
}

/// What a flush has sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sent {
    pub(super) bytes: usize,
    /// Those of them that were data frames'.
    pub(super) data_bytes: usize,
}

#[derive(Debug)]
enum Block {
    Owned(Vec<u8>),
    Shared(Bytes),
}

/// A frame's length, in 31 bits (`Config` allows messages of 30); control frames are never dropped to make room.
#[derive(Debug, Clone, Copy)]
struct Mark(u32);

impl Mark {
    const CONTROL: u32 = 1 << 31;

    fn data(len: usize) -> Mark {
        Mark(len as u32)
    }

    fn control(len: usize) -> Mark {
        Mark(len as u32 | Mark::CONTROL)
    }

    fn is_control(self) -> bool {
        self.0 & Mark::CONTROL != 0
    }

    fn len(self) -> usize {
        (self.0 & !Mark::CONTROL) as usize
    }
}

/// How a flush ended.
#[derive(Debug)]
pub(super) enum Flushed {
    All,
    /// More may be sent in the next turn.
    More,
    /// The kernel's buffer is full.
    Blocked,
    Failed(io::Error),
}

impl OutputQueue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What its memory could hold.
    pub(super) fn capacity(&self) -> usize {
        let owned = |block: &Block| if let Block::Owned(bytes) = block { bytes.capacity() } else { 0 };
        self.blocks.iter().map(owned).sum()
    }

    /// Bytes of data frames that have not left; handshakes and control frames do not count.
    pub(super) fn data_len(&self) -> usize {
        self.data_len
    }

    /// Appends a data frame; its header stands apart if it has one receiver only.
    pub(super) fn push_frame(&mut self, head: &[u8], body: &Bytes) {
        let len = head.len() + body.len();
        let share_min = if head.is_empty() { SHARE_BYTES_MIN } else { SHARE_SINGLE_BYTES_MIN };
        if body.len() < share_min {
            let block = self.tail(len);
            block.extend_from_slice(head);
            block.extend_from_slice(body);
        } else {
            if !head.is_empty() {
                self.tail(head.len()).extend_from_slice(head);
            }
            self.blocks.push_back(Block::Shared(body.clone()));
        }
        self.frames.push_back(Mark::data(len));
        self.len += len;
        self.data_len += len;
    }

    /// Appends a data frame that is so small that it is copied: `write` appends its body, of `body_len` bytes.
    pub(super) fn push_copy(&mut self, head: &[u8], body_len: usize, write: impl FnOnce(&mut Vec<u8>)) {
        let len = head.len() + body_len;
        let block = self.tail(len);
        let end = block.len() + len;
        block.reserve(len);
        block.extend_from_slice(head);
        write(block);
        debug_assert_eq!(block.len(), end);
        self.frames.push_back(Mark::data(len));
        self.len += len;
        self.data_len += len;
    }

    /// Appends control frames, or the response of a handshake, that `write` encodes.
    pub(super) fn push_control(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let block = self.tail(128);
        let before = block.len();
        write(block);
        let len = block.len() - before;
        if len > 0 {
            self.frames.push_back(Mark::control(len));
            self.len += len;
        }
    }

    fn tail(&mut self, room: usize) -> &mut Vec<u8> {
        let fits = match self.blocks.back() {
            Some(Block::Owned(block)) => block.is_empty() || block.len() + room <= BLOCK_BYTES_MAX,
            _ => false,
        };
        if !fits {
            // A block grows as it is needed, by doubling; whoever has filled one needs all of the next.
            let filled = matches!(self.blocks.back(), Some(Block::Owned(_)));
            let least = if filled { BLOCK_BYTES_MAX } else { 64 };
            self.blocks.push_back(Block::Owned(Vec::with_capacity(room.max(least))));
        }
        let Some(Block::Owned(block)) = self.blocks.back_mut() else {
            unreachable!("an owned block was just appended")
        };
        let len = block.len() + room;
        if len > block.capacity() && len <= BLOCK_BYTES_MAX {
            // To powers of two, so that what it has grown to is kept.
            block.reserve_exact(len.next_power_of_two() - block.len());
        }
        block
    }

    /// Drops the oldest data frames that have not begun to leave until `room` bytes are free or none is left.
    /// Answers how many bytes and frames were dropped.
    pub(super) fn drop_oldest(&mut self, room: usize) -> (usize, u64) {
        let (mut dropped, mut frames) = (0, 0);
        let (mut index, mut offset) = match self.frames.front() {
            Some(first) if self.frame_sent > 0 => (1, first.len() - self.frame_sent),
            _ => (0, 0),
        };
        while dropped < room {
            let Some(mark) = self.frames.get(index).copied() else { break };
            if mark.is_control() {
                index += 1;
                offset += mark.len();
            } else {
                self.frames.remove(index);
                self.remove(offset, mark.len());
                dropped += mark.len();
                self.data_len -= mark.len();
                frames += 1;
            }
        }
        (dropped, frames)
    }

    /// Drops everything but the rest of a frame that has begun to leave. Answers the bytes of data frames dropped.
    pub(super) fn drop_all(&mut self) -> usize {
        let begun = self.frames.front().copied().filter(|_| self.frame_sent > 0);
        let keep = begun.map_or(0, |frame| frame.len() - self.frame_sent);
        self.frames.truncate(usize::from(begun.is_some()));
        self.remove(keep, self.len - keep);
        let kept_data = if begun.is_some_and(Mark::is_control) { 0 } else { keep };
        self.data_len - std::mem::replace(&mut self.data_len, kept_data)
    }

    /// Cuts `len` unsent bytes out, `offset` unsent bytes from the start.
    fn remove(&mut self, offset: usize, len: usize) {
        self.len -= len;
        if offset == 0 {
            // What is first needs not be moved away: it counts as sent.
            return self.skip(len);
        }
        let (mut index, mut skip, mut left) = (0, offset + self.block_sent, len);
        while left > 0 {
            let Some(block) = self.blocks.get_mut(index) else { break };
            let block_len = block.len();
            if skip >= block_len {
                skip -= block_len;
                index += 1;
                continue;
            }
            let cut = left.min(block_len - skip);
            let rest = block.cut(skip, cut);
            left -= cut;
            if let Some(rest) = rest {
                self.blocks.insert(index + 1, rest);
            }
            if self.blocks.get(index).is_some_and(|block| block.len() == 0) {
                self.blocks.remove(index);
            }
        }
        if self.blocks.front().is_some_and(|block| block.len() == self.block_sent) {
            self.blocks.pop_front();
            self.block_sent = 0;
        }
    }

    /// Sends what the kernel takes. Answers how it went and what has left.
    pub(super) fn flush(&mut self, socket: impl AsFd) -> (Flushed, Sent) {
        let data_before = self.data_len;
        let (flushed, bytes) = self.send_all(socket);
        (flushed, Sent { bytes, data_bytes: data_before - self.data_len })
    }

    /// The next bytes to leave, at most `max`, in one piece: where they stand, or put together in `scratch`.
    pub(super) fn peek<'a>(&'a self, max: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let first = self.blocks.front().map(|block| &block.bytes()[self.block_sent..]).unwrap_or_default();
        if first.len() >= max || self.blocks.len() <= 1 {
            return &first[..first.len().min(max)];
        }
        scratch.clear();
        scratch.extend_from_slice(first);
        for block in self.blocks.iter().skip(1) {
            let room = max - scratch.len();
            let bytes = block.bytes();
            scratch.extend_from_slice(&bytes[..bytes.len().min(room)]);
            if bytes.len() >= room {
                break;
            }
        }
        scratch
    }

    /// The next `len` bytes have left in another way. Answers how many of them were of data frames.
    pub(super) fn leave(&mut self, len: usize) -> usize {
        let data_before = self.data_len;
        if len > 0 {
            self.advance(len);
        }
        data_before - self.data_len
    }

    fn send_all(&mut self, socket: impl AsFd) -> (Flushed, usize) {
        let mut total = 0;
        while self.len > 0 {
            if total >= FLUSH_BYTES_MAX {
                return (Flushed::More, total);
            }
            match self.send_once(&socket) {
                Ok((sent, offered)) => {
                    self.advance(sent);
                    total += sent;
                    if sent < offered {
                        return (Flushed::Blocked, total);
                    }
                }
                Err(Errno::AGAIN) => return (Flushed::Blocked, total),
                Err(Errno::INTR) => {}
                Err(error) => return (Flushed::Failed(error.into()), total),
            }
        }
        (Flushed::All, total)
    }

    fn send_once(&self, socket: impl AsFd) -> Result<(usize, usize), Errno> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        if let (1, Some(block)) = (self.blocks.len(), self.blocks.front()) {
            let bytes = &block.bytes()[self.block_sent..];
            return Ok((send(socket, bytes, flags)?, bytes.len()));
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let (mut count, mut offered, mut skip) = (0, 0, self.block_sent);
        for (slice, block) in slices.iter_mut().zip(&self.blocks) {
            let bytes = &block.bytes()[skip..];
            *slice = IoSlice::new(bytes);
            offered += bytes.len();
            count += 1;
            skip = 0;
        }
        let sent = sendmsg(socket, &slices[..count], &mut SendAncillaryBuffer::default(), flags)?;
        Ok((sent, offered))
    }

    fn advance(&mut self, sent: usize) {
        self.len -= sent;
        if self.len == 0 {
            self.clear();
            return;
        }
        self.skip(sent);
        let mut left = sent;
        while let Some(frame) = self.frames.front().copied()
            && left > 0
        {
            let part = left.min(frame.len() - self.frame_sent);
            left -= part;
            self.frame_sent += part;
            if !frame.is_control() {
                self.data_len -= part;
            }
            if self.frame_sent == frame.len() {
                self.frame_sent = 0;
                self.frames.pop_front();
            }
        }
    }

    /// Moves on in the blocks.
    fn skip(&mut self, len: usize) {
        self.block_sent += len;
        while let Some(block) = self.blocks.front()
            && self.block_sent >= block.len()
        {
            self.block_sent -= block.len();
            self.blocks.pop_front();
        }
    }

    /// Empties the queue; one small block's memory is kept for the next use.
    fn clear(&mut self) {
        self.blocks.truncate(1);
        match self.blocks.front_mut() {
            Some(Block::Owned(block)) if block.capacity() <= BLOCK_BYTES_MAX => block.clear(),
            _ => self.blocks.clear(),
        }
        self.blocks.shrink_to(8);
        self.frames.clear();
        self.frames.shrink_to(64);
        self.block_sent = 0;
        self.frame_sent = 0;
        self.len = 0;
        self.data_len = 0;
    }
}

impl Block {
    fn bytes(&self) -> &[u8] {
        match self {
            Block::Owned(bytes) => bytes,
            Block::Shared(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Removes `len` bytes at `start`. If that splits a shared block in two, the second part is given back.
    fn cut(&mut self, start: usize, len: usize) -> Option<Block> {
        match self {
            Block::Owned(bytes) => {
                bytes.drain(start..start + len);
                None
            }
            Block::Shared(bytes) => {
                let mut rest = bytes.split_off(start);
                rest.advance(len);
                if bytes.is_empty() {
                    *bytes = rest;
                    None
                } else {
                    (!rest.is_empty()).then_some(Block::Shared(rest))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use proptest::prelude::*;

    use super::*;

    fn unsent(queue: &OutputQueue) -> Vec<u8> {
        let mut all: Vec<u8> = queue.blocks.iter().flat_map(|block| block.bytes().to_vec()).collect();
        all.drain(..queue.block_sent);
        all
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Control(usize),
        Advance(usize),
        DropOldest(usize),
        DropAll,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => prop_oneof![0..200usize, 1_000..12_000usize].prop_map(Step::Push),
            1 => (1..100usize).prop_map(Step::Control),
            3 => (0..20_000usize).prop_map(Step::Advance),
            1 => (0..4_000usize).prop_map(Step::DropOldest),
            1 => Just(Step::DropAll),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// Against a plain list of frames: what leaves is whole frames, in order, never cut in the middle.
        #[test]
        fn frames_leave_whole_and_in_order(steps in steps()) {
            let mut queue = OutputQueue::default();
            // (bytes left of the frame, has it begun to leave, is it a control frame)
            let mut model: VecDeque<(Vec<u8>, bool, bool)> = VecDeque::new();
            for (number, step) in steps.into_iter().enumerate() {
                let fill = number as u8;
                match step {
                    Step::Push(len) => {
                        let head = if fill.is_multiple_of(2) { &[fill, fill][..] } else { &[] };
                        queue.push_frame(head, &Bytes::from(vec![fill; len]));
                        let frame = vec![fill; len + head.len()];
                        if !frame.is_empty() {
                            model.push_back((frame, false, false));
                        }
                    }
                    Step::Control(len) => {
                        queue.push_control(|out| out.extend(vec![fill; len]));
                        model.push_back((vec![fill; len], false, true));
                    }
                    Step::Advance(bytes) => {
                        let mut bytes = bytes.min(queue.len());
                        queue.advance(bytes);
                        while let Some((frame, begun, _)) = model.front_mut() && bytes > 0 {
                            let sent = bytes.min(frame.len());
                            frame.drain(..sent);
                            *begun = true;
                            bytes -= sent;
                            if frame.is_empty() { model.pop_front(); }
                        }
                    }
                    Step::DropOldest(room) => {
                        let (dropped, _) = queue.drop_oldest(room);
                        let mut expected = 0;
                        while expected < room
                            && let Some(at) = model.iter().position(|(_, begun, control)| !begun && !control)
                        {
                            expected += model.remove(at).unwrap().0.len();
                        }
                        prop_assert_eq!(dropped, expected);
                    }
                    Step::DropAll => {
                        queue.drop_all();
                        model.retain(|(_, begun, _)| *begun);
                    }
                }
                let expected: Vec<u8> = model.iter().flat_map(|(frame, ..)| frame.clone()).collect();
                prop_assert_eq!(queue.len(), expected.len());
                let data: usize = model.iter().filter(|(_, _, control)| !control).map(|(frame, ..)| frame.len()).sum();
                prop_assert_eq!(queue.data_len(), data);
                prop_assert_eq!(unsent(&queue), expected);
            }
        }
    }

    #[test]
    fn memory_is_little_more_than_what_is_queued() {
        let shared = Bytes::from(vec![1; SHARE_BYTES_MIN]);
        let single = Bytes::from(vec![1; SHARE_SINGLE_BYTES_MIN]);
        let mut queue = OutputQueue::default();
        for _ in 0..1_000 {
            queue.push_frame(&[], &shared);
            queue.push_control(|out| out.extend([2; 10]));
            queue.push_frame(&[1, 2], &single);
            queue.push_copy(&[1, 2], 3, |block| block.extend([3; 3]));
        }
        assert!(queue.capacity() <= 1_000 * 4 * 128, "{}", queue.capacity());
        for _ in 0..1_000 {
            queue.push_copy(&[1, 2], 1_000, |block| block.extend([3; 1_000]));
        }
        assert!(queue.capacity() <= 1_000 * 4 * 128 + 1_200_000, "{}", queue.capacity());
        assert_eq!(queue.leave(queue.len()), queue.data_len() + 1_000 * (1_024 + 8_194 + 5 + 1_002));
    }

    #[test]
    fn everything_that_is_queued_reaches_the_socket() {
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut queue = OutputQueue::default();
        let mut expected = Vec::new();
        for number in 0..300u32 {
            let body = Bytes::from(vec![number as u8; (number as usize * 37) % 5_000]);
            queue.push_frame(&[1, 2], &body);
            expected.extend_from_slice(&[1, 2]);
            expected.extend_from_slice(&body);
        }
        let mut received = vec![0; expected.len()];
        let mut filled = 0;
        while filled < received.len() {
            let (flushed, _) = queue.flush(&near);
            assert!(!matches!(flushed, Flushed::Failed(_)), "{flushed:?}");
            filled += far.read(&mut received[filled..]).unwrap();
        }
        assert!(received == expected);
        assert_eq!(queue.len(), 0);
    }
}
