//! A small message of another process goes from the ring to where it is sent from, in one copy.

use switchboard_proto::HeaderBytes;

use super::Reactor;
use crate::frame::{Frame, opcode};
use crate::ipc::codec::SmallPush;

impl Reactor {
    /// Queues the message of the record, if the connection has room for it.
    pub(super) fn push_small(&mut self, key: u32, push: SmallPush) {
        let header = HeaderBytes::server(opcode(push.kind), true, push.len);
        let (max, len) = (self.core.config.output_bytes_max, header.as_slice().len() + push.len);
        let is_compressed = self.compresses(key, push.len);
        self.own_part(key);
        let connection = &mut self.connections[key as usize];
        let entry = self.core.table.slot(connection.id);
        let queued = entry.queued() as usize;
        if is_compressed || connection.hung_up || queued > 0 && queued + len > max {
            let frame = self.frame_of(push);
            return self.push_unreserved(key, &frame, push.overflow);
        }
        entry.add_queued(len);
        let spare = &mut self.spare_outputs;
        let output = connection.output.get_or_insert_with(|| spare.take());
        output.push_copy(header.as_slice(), push.len, |block| self.dispatch.copy_pushed(block));
        self.appended(key);
    }

    /// The message of the record as a frame of its own.
    pub(super) fn frame_of(&self, push: SmallPush) -> Frame {
        let mut message = Vec::new();
        self.dispatch.copy_pushed(&mut message);
        Frame::single_of(push.kind, message.into())
    }
}
