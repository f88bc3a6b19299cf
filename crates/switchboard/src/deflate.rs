//! How messages are compressed.

use switchboard_proto::deflate::{Codec, ServerSettings, WINDOW_BITS_MAX};

use crate::error::ConfigError;

/// Compression of messages (RFC 7692, `permessage-deflate`) with the clients that offer it. The default costs idle
/// connections nothing: each message stands for itself, so that one compressor and one inflater serve all connections of a
/// reactor, and a broadcast is compressed once for all who receive it.
///
/// What each choice costs is measured in `docs/deflate.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deflate {
    /// Messages with fewer bytes are sent as they are: there is little to be saved, and a compressed one costs both sides
    /// some microseconds. So are those that would not become smaller, unless this is 0: then every message is compressed, which
    /// helps to test clients. Default: 256.
    pub message_bytes_min: usize,
    /// How hard the compressor tries, from 1 (fast) to 9 (small). Default: 4; higher ones save next to nothing on messages of
    /// some hundred bytes.
    pub level: u8,
    /// Messages to a client may refer to those before them, unless it asks for the contrary: similar ones become very small.
    /// Each connection has a compressor of its own then, 147 to 273 KiB by `server_max_window_bits`, from the first message
    /// on that is compressed, and broadcasts are compressed for each of them. With [`Overflow::DropOldest`] all that waits
    /// for such a connection is dropped at once, because later messages refer to earlier ones. Default: false.
    ///
    /// [`Overflow::DropOldest`]: crate::Overflow::DropOldest
    pub server_context_takeover: bool,
    /// Messages of a client may refer to those before them: each connection that sends compressed ones has an inflater of its
    /// own, 47 KiB. Default: false.
    pub client_context_takeover: bool,
    /// The server's window, as the logarithm of its bytes, 9 to 15; smaller if the client asks for it. Default: 15.
    pub server_max_window_bits: u8,
    /// The client's window, 9 to 15, asked of clients that allow it: for clients with little memory; it saves the server
    /// none. Default: 15.
    pub client_max_window_bits: u8,
}

impl Default for Deflate {
    fn default() -> Deflate {
        Deflate {
            message_bytes_min: 256,
            level: Codec::LEVEL,
            server_context_takeover: false,
            client_context_takeover: false,
            server_max_window_bits: WINDOW_BITS_MAX,
            client_max_window_bits: WINDOW_BITS_MAX,
        }
    }
}

impl Deflate {
    pub(crate) fn settings(&self) -> ServerSettings {
        ServerSettings {
            server_context_takeover: self.server_context_takeover,
            client_context_takeover: self.client_context_takeover,
            server_max_window_bits: self.server_max_window_bits,
            client_max_window_bits: self.client_max_window_bits,
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        let codec = Codec::new(self.level);
        if self.message_bytes_min == 0 { codec.always() } else { codec }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        for (name, value, min, max) in [
            ("deflate.message_bytes_min", self.message_bytes_min, 0, 1 << 30),
            ("deflate.level", self.level.into(), 1, 9),
            ("deflate.server_max_window_bits", self.server_max_window_bits.into(), 9, 15),
            ("deflate.client_max_window_bits", self.client_max_window_bits.into(), 9, 15),
        ] {
            if !(min..=max).contains(&value) {
                return Err(ConfigError::Range { name, value, min, max });
            }
        }
        Ok(())
    }
}
