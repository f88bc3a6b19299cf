//! The window that was agreed upon is kept (§7.1.2).

use super::*;

/// A deflate stream read in the plainest way (RFC 1951 §3.2), for the one thing that zlib does not tell: the largest
/// distance in it.
struct Plain<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The symbols of a canonical code in order, by the length of their codes from 1 on (§3.2.2).
type Code = Vec<Vec<usize>>;

fn code(lengths: &[usize]) -> Code {
    let with = |len| (0..lengths.len()).filter(|symbol| lengths[*symbol] == len).collect();
    (1..=15).map(with).collect()
}

impl Plain<'_> {
    fn bits(&mut self, count: u32) -> usize {
        (0..count).fold(0, |value, bit| {
            let byte = self.bytes[self.at / 8];
            let value = value | usize::from(byte >> (self.at % 8) & 1) << bit;
            self.at += 1;
            value
        })
    }

    fn symbol(&mut self, code_of: &Code) -> usize {
        let (mut code, mut first) = (0, 0);
        for symbols in code_of {
            code = code << 1 | self.bits(1);
            first <<= 1;
            if code < first + symbols.len() {
                return symbols[code - first];
            }
            first += symbols.len();
        }
        panic!("no such code");
    }

    /// The lengths of the codes for literals and for distances (§3.2.6, §3.2.7).
    fn codes(&mut self, fixed: bool) -> (Code, Code) {
        if fixed {
            let literals = [vec![8; 144], vec![9; 112], vec![7; 24], vec![8; 8]].concat();
            return (code(&literals), code(&[5; 30]));
        }
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let (literals, distances, count) = (self.bits(5) + 257, self.bits(5) + 1, self.bits(4) + 4);
        let mut of_lengths = [0; 19];
        for place in &ORDER[..count] {
            of_lengths[*place] = self.bits(3);
        }
        let (of_lengths, mut lengths) = (code(&of_lengths), Vec::new());
        while lengths.len() < literals + distances {
            let (length, times) = match self.symbol(&of_lengths) {
                16 => (*lengths.last().unwrap(), 3 + self.bits(2)),
                17 => (0, 3 + self.bits(3)),
                18 => (0, 11 + self.bits(7)),
                length => (length, 1),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        let distances = lengths.split_off(literals);
        (code(&lengths), code(&distances))
    }

    /// The largest distance of all blocks.
    fn distance_max(&mut self) -> usize {
        let mut max = 0;
        while self.at < self.bytes.len() * 8 {
            let kind = self.bits(3) >> 1;
            if kind == 0 {
                self.at = self.at.next_multiple_of(8);
                self.at += 32 + 8 * self.bits_ahead(16);
                continue;
            }
            let (literals, distances) = self.codes(kind == 1);
            loop {
                let extra = match self.symbol(&literals) {
                    ..256 => continue,
                    256 => break,
                    257..265 | 285 => 0,
                    symbol => (symbol as u32 - 261) / 4,
                };
                self.bits(extra);
                let symbol = self.symbol(&distances);
                let extra = (symbol as u32 / 2).saturating_sub(1);
                let base = if symbol < 4 { symbol } else { (2 + symbol % 2) << extra };
                max = max.max(1 + base + self.bits(extra));
            }
        }
        max
    }

    fn bits_ahead(&mut self, count: u32) -> usize {
        let at = self.at;
        let value = self.bits(count);
        self.at = at;
        value
    }
}

fn distance_max(payload: &[u8]) -> usize {
    Plain { bytes: &[payload, &TAIL].concat(), at: 0 }.distance_max()
}

/// Repetitions at every distance there is.
fn message(seed: u32) -> Vec<u8> {
    let mut noise = seed | 1;
    let mut next = move || {
        noise = noise.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15) ^ noise >> 15;
        (noise >> 20) as usize
    };
    let mut message: Vec<u8> = (0..300).map(|_| next() as u8).collect();
    while message.len() < 50_000 {
        let distance = 1 + (next() * 13 + next()) % message.len().min(40_000);
        let start = message.len() - distance;
        let len = (4 + next() % 60).min(distance);
        let copy = message[start..start + len].to_vec();
        message.extend_from_slice(&copy);
        message.extend((0..next() % 4).map(|number| number as u8));
    }
    message
}

#[test]
fn no_distance_is_larger_than_the_window() {
    for bits in 8..=15 {
        let mut largest = 0;
        for level in [1, 4, 9] {
            let mut alone = Codec::new(level);
            let parameters = Parameters { server_max_window_bits: bits, ..TAKING_OVER };
            let mut server = Server::new(parameters, 1 << 20);
            server.codec = Codec::new(level);
            for seed in 0..2 {
                let message = message(seed);
                largest = largest.max(distance_max(alone.compress(bits, &message).unwrap()));
                let payload = server.connection.compress(&message, &mut server.codec).unwrap();
                largest = largest.max(distance_max(payload));
            }
        }
        assert!(largest <= 1 << bits, "{largest} for {bits} bits");
        // Else the messages of this test would show nothing.
        assert!(largest > (1 << bits) / 4, "{largest} for {bits} bits");
    }
}

#[test]
fn any_window_of_the_peer_is_read() {
    for bits in 8..=15 {
        let parameters = Parameters { client_max_window_bits: bits, ..TAKING_OVER };
        let mut server = Server::new(parameters, 1 << 20);
        let mut client = Connection::new(Role::Client, 1 << 20);
        client.use_deflate(parameters);
        let mut codec = Codec::default();
        for seed in 0..3 {
            let payload = client.compress(&message(seed), &mut codec).unwrap();
            let seen = server.feed(&compressed(OpCode::Binary, payload), 10_000);
            assert!(seen == [Seen::Binary(message(seed))], "{bits} bits");
        }
    }
}
