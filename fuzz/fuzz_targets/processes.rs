//! What processes tell each other: whatever one of them writes, the others read it without panicking.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard::fuzzing;

fuzz_target!(|input: (u64, &[u8])| {
    let (position, bytes) = input;
    fuzzing::ring(bytes, position);
    fuzzing::message(bytes);
});
