//! Sockets between two processes: whole messages, in order, each with some descriptors; the end of the other process is the
//! end of the file.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::sockopt::set_socket_send_buffer_size;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// Descriptors of one message.
pub(crate) const DESCRIPTORS_MAX: usize = 64;

/// Bytes of one message: the largest request head and what was read behind it, with room to spare.
pub(crate) const MESSAGE_BYTES_MAX: usize = 256 << 10;

const SPACE: usize = rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX));

/// One end.
#[derive(Debug)]
pub(crate) struct Socket(OwnedFd);

/// Whether to wait for a message, or for room for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    Yes,
    /// `WouldBlock` is answered instead.
    No,
}

impl Socket {
    /// Both ends. They are closed when another program is executed.
    pub(crate) fn pair() -> io::Result<(Socket, Socket)> {
        let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
        let (one, other) = rustix::net::socketpair(family, kind, SocketFlags::CLOEXEC, None)?;
        Ok((Socket::new(one), Socket::new(other)))
    }

    /// An end that was made elsewhere.
    pub(crate) fn new(descriptor: OwnedFd) -> Socket {
        // As much as the system allows: a message must fit as a whole.
        let _ = set_socket_send_buffer_size(&descriptor, MESSAGE_BYTES_MAX);
        Socket(descriptor)
    }

    pub(crate) fn into_descriptor(self) -> OwnedFd {
        self.0
    }

    /// Sends one message with its descriptors, of which the other side gets copies.
    pub(crate) fn send(&self, message: &[u8], descriptors: &[BorrowedFd<'_>], wait: Wait) -> io::Result<()> {
        if message.is_empty() || message.len() > MESSAGE_BYTES_MAX || descriptors.len() > DESCRIPTORS_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too large"));
        }
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message has too many descriptors"));
        }
        let flags = match wait {
            Wait::Yes => SendFlags::NOSIGNAL,
            Wait::No => SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
        };
        let parts = [IoSlice::new(message)];
        rustix::io::retry_on_intr(|| rustix::net::sendmsg(&self.0, &parts, &mut control, flags))?;
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Memory to receive messages into.
pub(crate) struct Inbound(Box<[u8]>);

/// One message.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) descriptors: Vec<OwnedFd>,
    /// There were more, but this process may not have as many.
    pub(crate) lost: bool,
}

impl Inbound {
    pub(crate) fn new() -> Inbound {
        Inbound(vec![0; MESSAGE_BYTES_MAX].into())
    }

    /// The next message; None when the other end is closed. An error other than `WouldBlock` means that the socket is of
    /// no use any more.
    pub(crate) fn receive(&mut self, socket: &Socket, wait: Wait) -> io::Result<Option<Packet<'_>>> {
        let mut space = [MaybeUninit::uninit(); SPACE];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = match wait {
            Wait::Yes => RecvFlags::CMSG_CLOEXEC,
            Wait::No => RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
        };
        let mut receive = || {
            rustix::io::retry_on_intr(|| {
                let mut parts = [IoSliceMut::new(&mut self.0)];
                rustix::net::recvmsg(socket, &mut parts, &mut control, flags)
            })
        };
        let received = match receive() {
            // It died with messages of ours unread. That is said once, and before what it had sent.
            Err(rustix::io::Errno::CONNRESET) => receive(),
            received => received,
        };
        let received = match received {
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            received => received?,
        };
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                descriptors.extend(rights);
            }
        }
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message was too large"));
        }
        // No message of ours is empty.
        if received.bytes == 0 {
            return Ok(None);
        }
        let lost = received.flags.contains(ReturnFlags::CTRUNC);
        Ok(Some(Packet { bytes: &self.0[..received.bytes], descriptors, lost }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    fn pair() -> (Socket, Socket) {
        Socket::pair().unwrap()
    }

    #[test]
    fn messages_stay_whole_and_in_order() {
        let (one, other) = pair();
        let mut inbound = Inbound::new();
        let large = vec![7; 200 << 10];
        one.send(b"first", &[], Wait::No).unwrap();
        one.send(&large, &[], Wait::No).unwrap();
        assert_eq!(inbound.receive(&other, Wait::Yes).unwrap().unwrap().bytes, b"first");
        assert_eq!(inbound.receive(&other, Wait::Yes).unwrap().unwrap().bytes, large);
        let empty = inbound.receive(&other, Wait::No).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn the_end_of_the_other_side_is_told_from_a_message() {
        let (one, other) = pair();
        one.send(b"last", &[], Wait::No).unwrap();
        drop(one);
        let mut inbound = Inbound::new();
        assert!(inbound.receive(&other, Wait::Yes).unwrap().is_some());
        assert!(inbound.receive(&other, Wait::Yes).unwrap().is_none());
        assert!(other.send(b"nobody hears it", &[], Wait::No).is_err());
    }

    #[test]
    fn the_last_words_of_one_that_has_not_read_everything_are_heard() {
        for wait in [Wait::Yes, Wait::No] {
            let (one, other) = pair();
            one.send(b"unread", &[], Wait::No).unwrap();
            other.send(b"first", &[one.as_fd()], Wait::No).unwrap();
            other.send(b"last", &[], Wait::No).unwrap();
            drop(other);
            let mut inbound = Inbound::new();
            let first = inbound.receive(&one, wait).unwrap().unwrap();
            assert_eq!((first.bytes, first.descriptors.len()), (&b"first"[..], 1));
            drop(first);
            assert_eq!(inbound.receive(&one, wait).unwrap().unwrap().bytes, b"last");
            assert!(inbound.receive(&one, wait).unwrap().is_none());
        }
    }

    #[test]
    fn descriptors_arrive_as_copies_that_no_other_program_gets() {
        let (one, other) = pair();
        let mut file =
            std::fs::File::from(rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
        let borrowed = [file.as_fd(); DESCRIPTORS_MAX];
        one.send(b"x", &borrowed, Wait::No).unwrap();
        let mut inbound = Inbound::new();
        let packet = inbound.receive(&other, Wait::Yes).unwrap().unwrap();
        assert!(!packet.lost);
        assert_eq!(packet.descriptors.len(), DESCRIPTORS_MAX);
        for descriptor in &packet.descriptors {
            let flags = rustix::io::fcntl_getfd(descriptor).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
        file.write_all(b"shared").unwrap();
        file.rewind().unwrap();
        let mut text = String::new();
        std::fs::File::from(packet.descriptors.into_iter().next().unwrap())
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "shared");
    }

    #[test]
    fn what_is_too_large_is_not_sent() {
        let (one, other) = pair();
        let files = [other.as_fd(); DESCRIPTORS_MAX + 1];
        assert!(one.send(b"x", &files, Wait::No).is_err());
        assert!(one.send(&vec![0; MESSAGE_BYTES_MAX + 1], &[], Wait::No).is_err());
        assert!(one.send(b"", &[], Wait::No).is_err());
    }

    #[test]
    fn a_full_socket_says_so() {
        let (one, _other) = pair();
        let sent = (0..10_000).find_map(|_| one.send(&[0; 4096], &[], Wait::No).err());
        assert_eq!(sent.unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
