//! What of the sent bytes a client has not taken yet.

use std::ffi::c_int;
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, ioctl};

/// `SIOCOUTQ` of linux/sockios.h, which is `TIOCOUTQ`.
const UNSENT: Opcode = 0x5411;

/// Bytes in the kernel's queue that the other side has not acknowledged (TCP) or not read (Unix sockets); see tcp(7),
/// unix(7).
pub(crate) fn unsent_bytes(socket: impl AsFd) -> io::Result<u32> {
    // SAFETY: SIOCOUTQ writes one int.
    let bytes = unsafe { ioctl(socket, Getter::<UNSENT, c_int>::new()) }?;
    Ok(u32::try_from(bytes).unwrap_or(0))
}
