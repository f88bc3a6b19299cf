//! The chat: frames of clients are read or refused within their limits, and bytes of other processes without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_chat::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    // As the server does: only text that is UTF-8 comes so far.
    if let Ok(text) = std::str::from_utf8(bytes) {
        fuzzing::frame(text);
    }
    fuzzing::stored(bytes);
});
