//! The shapes that the chat's own binary layouts are made of. Numbers are little-endian; whoever reads a layout ignores
//! what follows the fields that it knows, so that a newer build can add some at the end.

/// Appends to a layout.
#[derive(Debug, Default)]
pub(crate) struct Output(Vec<u8>);

impl Output {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    /// At most 255 bytes; a longer text is cut.
    pub(crate) fn short_text(&mut self, text: &str) {
        let text = &text[..text.floor_char_boundary(usize::from(u8::MAX))];
        self.byte(text.len() as u8);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// At most 64 KiB; more is cut.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
        self.0.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads a layout from its beginning; every answer is None once the bytes have ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(*self.take(8)?.as_array()?))
    }

    pub(crate) fn short_text(&mut self) -> Option<&'a str> {
        let len = self.byte()?;
        str::from_utf8(self.take(usize::from(len))?).ok()
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = u16::from_le_bytes(*self.take(2)?.as_array()?);
        self.take(usize::from(len))
    }

    /// What has not been read.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut output = Output::default();
        output.byte(7);
        output.number(u64::MAX - 1);
        output.short_text("李雷");
        output.bytes(b"any\0thing");
        let bytes = output.finish();
        let mut input = Input::new(&bytes);
        assert_eq!((input.byte(), input.number()), (Some(7), Some(u64::MAX - 1)));
        assert_eq!((input.short_text(), input.bytes()), (Some("李雷"), Some(&b"any\0thing"[..])));
        assert_eq!((input.rest(), input.byte()), (&b""[..], None));
    }

    #[test]
    fn a_text_that_is_too_long_is_cut_between_characters() {
        let mut output = Output::default();
        output.short_text(&"李".repeat(100));
        let bytes = output.finish();
        assert_eq!(Input::new(&bytes).short_text(), Some(&*"李".repeat(85)));
    }

    #[test]
    fn bytes_that_end_early_are_nothing() {
        for bytes in [&b""[..], b"\x05abcd", b"\x02\xff\xff"] {
            assert_eq!(Input::new(bytes).short_text(), None, "{bytes:?}");
        }
        assert_eq!(Input::new(b"\x05\0abcd").bytes(), None);
        assert_eq!(Input::new(&[0; 7]).number(), None);
    }
}
