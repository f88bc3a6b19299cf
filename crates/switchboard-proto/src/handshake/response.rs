//! Responses other than 101 (RFC 9112 §4).

use super::fields::{is_token, is_value};

/// What every response that is a sentence for people says to a browser: it is text, whatever it may look like, and no other
/// site's page has any use for it.
pub const PLAIN_TEXT_FIELDS: [(&str, &str); 5] = [
    ("Content-Type", "text/plain; charset=utf-8"),
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
];

/// Appends a complete response to `out`: `Connection: close`, the right `Content-Length`, and `body` as
/// plain text with [`PLAIN_TEXT_FIELDS`], unless `headers` hold another Content-Type.
///
/// A status outside 200–599 is sent as 500: informational responses are not final (RFC 9110 §15). A 204 or 304 has
/// no body (§6.4.1). From `headers` are left out the fields that are this function's own (Connection, Content-Length,
/// Transfer-Encoding) and malformed ones, whose line ends could otherwise forge a second response.
pub fn write_response(status: u16, headers: &[(String, String)], body: &[u8], out: &mut Vec<u8>) {
    let status = if (200..600).contains(&status) { status } else { 500 };
    let bodiless = matches!(status, 204 | 304);
    let has = |name: &str| headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));

    out.extend_from_slice(format!("HTTP/1.1 {status} {}\r\n", reason_phrase(status)).as_bytes());
    // Whoever sends Upgrade names it in Connection, too (RFC 9110 §7.8).
    out.extend_from_slice(if has("Upgrade") {
        b"Connection: upgrade, close\r\n"
    } else {
        b"Connection: close\r\n"
    });
    if !bodiless {
        if !has("Content-Type") {
            PLAIN_TEXT_FIELDS.iter().for_each(|(name, value)| write_field(name, value, out));
        }
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    for (name, value) in headers {
        if is_ours(name) || check_field(name, value).is_err() {
            continue;
        }
        write_field(name, value, out);
    }
    out.extend_from_slice(b"\r\n");
    if !bodiless {
        out.extend_from_slice(body);
    }
}

fn is_ours(name: &str) -> bool {
    ["Connection", "Content-Length", "Transfer-Encoding"].iter().any(|own| name.eq_ignore_ascii_case(own))
}

/// Which part of a header field is malformed.
pub(super) enum FieldError {
    Name,
    Value,
}

pub(super) fn check_field(name: &str, value: &str) -> Result<(), FieldError> {
    if !is_token(name.as_bytes()) {
        Err(FieldError::Name)
    } else if !is_value(value.as_bytes()) {
        Err(FieldError::Value)
    } else {
        Ok(())
    }
}

pub(super) fn write_field(name: &str, value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// RFC 9110 §15; empty for what it does not list, as RFC 9112 §4 allows.
fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "",
    }
}
