//! Writes JSON objects into one string, in the order of the calls: `type` is always first.

/// An object that is being written.
pub(crate) struct Object {
    out: String,
}

impl Object {
    /// `{"type":"…"`: every frame starts like this.
    pub(crate) fn of_type(name: &str) -> Self {
        Self { out: String::with_capacity(128) }.open().string("type", name)
    }

    /// An object inside another one.
    pub(crate) fn nested() -> Self {
        Self { out: String::new() }.open()
    }

    fn open(mut self) -> Self {
        self.out.push('{');
        self
    }

    pub(crate) fn string(mut self, key: &'static str, value: &str) -> Self {
        self.key(key);
        push_string(&mut self.out, value);
        self
    }

    /// Nothing at all for `None`.
    pub(crate) fn optional(self, key: &'static str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.string(key, value),
            None => self,
        }
    }

    pub(crate) fn number(self, key: &'static str, value: u64) -> Self {
        self.raw(key, &value.to_string())
    }

    pub(crate) fn boolean(self, key: &'static str, value: bool) -> Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// Nothing at all for `None`.
    pub(crate) fn optional_number(self, key: &'static str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.number(key, value),
            None => self,
        }
    }

    /// Nothing at all for `false`.
    pub(crate) fn flag(self, key: &'static str, is_set: bool) -> Self {
        if is_set { self.boolean(key, true) } else { self }
    }

    /// `value` is JSON already.
    pub(crate) fn raw(mut self, key: &'static str, value: &str) -> Self {
        self.key(key);
        self.out.push_str(value);
        self
    }

    pub(crate) fn finish(mut self) -> String {
        self.out.push('}');
        self.out
    }

    fn key(&mut self, key: &'static str) {
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        push_string(&mut self.out, key);
        self.out.push(':');
    }
}

/// An array of values that are JSON already.
pub(crate) fn array<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> String {
    let mut out = String::from("[");
    for value in values {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(value.as_ref());
    }
    out.push(']');
    out
}

/// `value` as a JSON string (RFC 8259 §7).
pub(crate) fn string(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    push_string(&mut out, value);
    out
}

fn push_string(out: &mut String, value: &str) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in value.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // Only ASCII is escaped, so both ends of the slice are character boundaries.
        out.push_str(&value[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                out.push_str("\\u00");
                out.push(char::from(b'0' + (byte >> 4)));
                out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
            }
        }
    }
    out.push_str(&value[plain_from..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_string_comes_back_from_a_parser() {
        let every_ascii: String = (0..128u8).map(char::from).collect();
        for value in ["", "hi", "\"\\\n\r\t\u{0}\u{1f}\u{7f}", "李雷 👋\u{2028}\u{FFFF}", &every_ascii] {
            let parsed: String = serde_json::from_str(&string(value)).expect(value);
            assert_eq!(parsed, value);
        }
    }

    #[test]
    fn objects_keep_the_order_of_their_keys() {
        let inner = Object::nested().number("n", u64::MAX).finish();
        let json = Object::of_type("x")
            .optional("none", None)
            .optional("some", Some("{"))
            .boolean("b", true)
            .raw("inner", &inner)
            .raw("list", &array(["1", "\"2\""]))
            .finish();
        assert_eq!(
            json,
            r#"{"type":"x","some":"{","b":true,"inner":{"n":18446744073709551615},"list":[1,"2"]}"#
        );
        assert_eq!(array::<&str>([]), "[]");
    }
}
