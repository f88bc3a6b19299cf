//! What both sides agree on (RFC 7692 §5, §7.1).

use std::fmt::Write;

use crate::handshake::Extension;

/// The name of the extension (RFC 7692 §7).
pub const NAME: &str = "permessage-deflate";
/// The smallest window, as the logarithm of its bytes (RFC 7692 §7.1.2).
pub const WINDOW_BITS_MIN: u8 = 8;
/// The largest window, which is used where none is named.
pub const WINDOW_BITS_MAX: u8 = 15;

const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// What holds for one connection: plain data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// The server compresses each message without reference to those before it.
    pub server_no_context_takeover: bool,
    /// The client does.
    pub client_no_context_takeover: bool,
    /// The server's window, 8 to 15.
    pub server_max_window_bits: u8,
    /// The client's window, 8 to 15.
    pub client_max_window_bits: u8,
}

/// What a server is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSettings {
    /// Messages to the client may refer to earlier ones, unless it asks for the contrary (RFC 7692 §7.1.1.1): they
    /// become smaller, and each connection has a compressor of its own.
    pub server_context_takeover: bool,
    /// Messages of the client may (§7.1.1.2): each connection needs an inflater of its own.
    pub client_context_takeover: bool,
    /// The server's window, 9 to 15; smaller if the client asks for it (§7.1.2.1).
    pub server_max_window_bits: u8,
    /// The client's window, 9 to 15, asked of clients that allow it (§7.1.2.2).
    pub client_max_window_bits: u8,
}

impl Default for ServerSettings {
    /// No context is taken over, and the windows are as large as can be.
    fn default() -> ServerSettings {
        ServerSettings {
            server_context_takeover: false,
            client_context_takeover: false,
            server_max_window_bits: WINDOW_BITS_MAX,
            client_max_window_bits: WINDOW_BITS_MAX,
        }
    }
}

/// An offer of a client (RFC 7692 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offer {
    /// The server is asked for it (§7.1.1.1).
    pub server_no_context_takeover: bool,
    /// The client tells that it will do so in any case (§7.1.1.2).
    pub client_no_context_takeover: bool,
    /// The server is asked for a window of at most so many bits, 8 to 15 (§7.1.2.1).
    pub server_max_window_bits: Option<u8>,
    /// The server may ask for a smaller window, and it will not be larger than this, 8 to 15 (§7.1.2.2).
    pub client_max_window_bits: Option<u8>,
}

/// An offer that a server accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// What holds from now on.
    pub parameters: Parameters,
    /// A server names its window in reply to an offer that names one (§7.1.2.1).
    names_server_window: bool,
}

impl Agreement {
    /// The first offer that can be accepted, of those that a request holds; one that is not as RFC 7692 §7.1 wants it
    /// is passed over (§5.1).
    pub(crate) fn find(extensions: &[Extension<'_>], settings: &ServerSettings) -> Option<Agreement> {
        let offer = extensions.iter().filter(|extension| is_ours(extension)).find_map(Offer::read)?;
        Some(offer.accept(settings))
    }

    /// What stands in the response's Sec-WebSocket-Extensions (RFC 7692 §7.1). `client_max_window_bits` does only if it
    /// was offered.
    pub fn header_value(&self) -> String {
        let Parameters { server_max_window_bits, client_max_window_bits, .. } = self.parameters;
        let mut value = NAME.to_owned();
        flag(&mut value, SERVER_NO_CONTEXT_TAKEOVER, self.parameters.server_no_context_takeover);
        flag(&mut value, CLIENT_NO_CONTEXT_TAKEOVER, self.parameters.client_no_context_takeover);
        let names_server_window = self.names_server_window || server_max_window_bits < WINDOW_BITS_MAX;
        bits(&mut value, SERVER_MAX_WINDOW_BITS, names_server_window.then_some(server_max_window_bits));
        // It can only be smaller if it was offered.
        let client = Some(client_max_window_bits).filter(|bits| *bits < WINDOW_BITS_MAX);
        bits(&mut value, CLIENT_MAX_WINDOW_BITS, client);
        value
    }
}

impl Offer {
    /// None if it is not as RFC 7692 §7.1 wants it: a parameter is unknown, comes twice, or has a wrong value.
    fn read(extension: &Extension<'_>) -> Option<Offer> {
        let read = Read::parameters(extension)?;
        Some(Offer {
            server_no_context_takeover: read.server_no_context_takeover,
            client_no_context_takeover: read.client_no_context_takeover,
            server_max_window_bits: match read.server_max_window_bits {
                None => None,
                Some(bits) => Some(bits?),
            },
            // Without a value it says no more than that the parameter is known.
            client_max_window_bits: read.client_max_window_bits.map(|bits| bits.unwrap_or(WINDOW_BITS_MAX)),
        })
    }

    fn accept(&self, settings: &ServerSettings) -> Agreement {
        let within = |bits: u8, offered: Option<u8>| bits.min(offered.unwrap_or(WINDOW_BITS_MAX));
        Agreement {
            parameters: Parameters {
                server_no_context_takeover: self.server_no_context_takeover
                    || !settings.server_context_takeover,
                client_no_context_takeover: self.client_no_context_takeover
                    || !settings.client_context_takeover,
                server_max_window_bits: within(settings.server_max_window_bits, self.server_max_window_bits),
                client_max_window_bits: match self.client_max_window_bits {
                    Some(offered) => within(settings.client_max_window_bits, Some(offered)),
                    None => WINDOW_BITS_MAX,
                },
            },
            names_server_window: self.server_max_window_bits.is_some(),
        }
    }

    /// The offer as it stands in a request.
    pub(crate) fn header_value(&self) -> String {
        let mut value = NAME.to_owned();
        flag(&mut value, SERVER_NO_CONTEXT_TAKEOVER, self.server_no_context_takeover);
        flag(&mut value, CLIENT_NO_CONTEXT_TAKEOVER, self.client_no_context_takeover);
        bits(&mut value, SERVER_MAX_WINDOW_BITS, self.server_max_window_bits);
        match self.client_max_window_bits {
            Some(WINDOW_BITS_MAX) => flag(&mut value, CLIENT_MAX_WINDOW_BITS, true),
            offered => bits(&mut value, CLIENT_MAX_WINDOW_BITS, offered),
        }
        value
    }

    /// What a server has made of this offer; None if its answer is none to it (RFC 7692 §7.1).
    pub(crate) fn answered(&self, extension: &Extension<'_>) -> Option<Parameters> {
        if !is_ours(extension) {
            return None;
        }
        let answer = Read::parameters(extension)?;
        if self.server_no_context_takeover && !answer.server_no_context_takeover {
            return None;
        }
        let server_max_window_bits = match (answer.server_max_window_bits, self.server_max_window_bits) {
            (None, None) => WINDOW_BITS_MAX,
            (None, Some(_)) => return None,
            (Some(bits), offered) => bits.filter(|bits| *bits <= offered.unwrap_or(WINDOW_BITS_MAX))?,
        };
        let client_max_window_bits = match (answer.client_max_window_bits, self.client_max_window_bits) {
            (None, offered) => offered.unwrap_or(WINDOW_BITS_MAX),
            (Some(_), None) => return None,
            (Some(bits), Some(offered)) => bits.filter(|bits| *bits <= offered)?,
        };
        Some(Parameters {
            server_no_context_takeover: answer.server_no_context_takeover,
            client_no_context_takeover: answer.client_no_context_takeover || self.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        })
    }
}

fn is_ours(extension: &Extension<'_>) -> bool {
    extension.name.eq_ignore_ascii_case(NAME)
}

/// The parameters as they stand there; a window may come without a value.
#[derive(Default)]
struct Read {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<u8>>,
    client_max_window_bits: Option<Option<u8>>,
}

impl Read {
    fn parameters(extension: &Extension<'_>) -> Option<Read> {
        let mut read = Read::default();
        for (name, value) in &extension.parameters {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            let repeated = if is(SERVER_NO_CONTEXT_TAKEOVER) && value.is_none() {
                std::mem::replace(&mut read.server_no_context_takeover, true)
            } else if is(CLIENT_NO_CONTEXT_TAKEOVER) && value.is_none() {
                std::mem::replace(&mut read.client_no_context_takeover, true)
            } else if is(SERVER_MAX_WINDOW_BITS) {
                read.server_max_window_bits.replace(read_bits(value.as_deref())?).is_some()
            } else if is(CLIENT_MAX_WINDOW_BITS) {
                read.client_max_window_bits.replace(read_bits(value.as_deref())?).is_some()
            } else {
                return None;
            };
            if repeated {
                return None;
            }
        }
        Some(read)
    }
}

/// 8 to 15 in decimal, without leading zeros (RFC 7692 §7.1.2). None if it is anything else.
fn read_bits(value: Option<&str>) -> Option<Option<u8>> {
    let Some(value) = value else { return Some(None) };
    let bits = (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).find(|bits| bits.to_string() == value)?;
    Some(Some(bits))
}

fn flag(value: &mut String, name: &str, is_set: bool) {
    if is_set {
        value.push_str("; ");
        value.push_str(name);
    }
}

fn bits(value: &mut String, name: &str, bits: Option<u8>) {
    if let Some(bits) = bits {
        let _ = write!(value, "; {name}={bits}");
    }
}
