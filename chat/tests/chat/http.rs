//! The page and the health check.

use crate::support::Server;

/// What a browser sends by itself to a site at which somebody has signed in.
const CREDENTIALS: [&str; 3] =
    ["Cookie: session=1\r\n", "Authorization: Basic YTpi\r\n", "Proxy-Authorization: Basic YTpi\r\n"];

/// The fields of a handshake, without host and origin.
const WEBSOCKET: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n";

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[test]
fn the_health_check_says_ok() {
    let server = Server::start();
    let (head, body) = server.get("/healthz", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, "ok");
}

#[test]
fn the_page_is_there_with_everything_it_loads() {
    let server = Server::start();
    let (head, page) = server.get("/", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(header(&head, "content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page, server.get("/index.html", "").1);
    let loaded: Vec<&str> = ["src=\"", "href=\""]
        .iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|path| !path.starts_with('#') && !path.starts_with("http"))
        .collect();
    assert!(loaded.iter().any(|path| path.ends_with(".js")), "{loaded:?}");
    for path in loaded {
        let path = format!("/{}", path.trim_start_matches("./").trim_start_matches('/'));
        let host = server.address();
        let (head, _) =
            server.request_bytes(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        let expected = match path.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("png") => "image/png",
            Some("webmanifest") => "application/manifest+json",
            _ => continue,
        };
        assert_eq!(header(&head, "content-type"), Some(expected), "{path}");
    }
}

#[test]
fn every_response_says_what_the_page_may_do() {
    let server = Server::start();
    let address = server.address();
    let asked = |line: &str, fields: &str| {
        server.request(format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n")).0
    };
    let foreign = "Cookie: a=b\r\nOrigin: https://evil.example\r\n";
    for head in [
        asked("GET /", ""),
        asked("GET /healthz", ""),
        asked("GET /nothing", ""),
        asked("POST /", "Content-Length: 0\r\n"),
        asked("GET /page.js", foreign),
        asked("GET /", "If-None-Match: *\r\n"),
    ] {
        let policy = header(&head, "content-security-policy").expect("a policy");
        for directive in
            ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
        {
            assert!(policy.contains(directive), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(header(&head, name), Some(value), "{head}");
        }
        assert!(
            header(&head, "permissions-policy").is_some_and(|policy| policy.contains("camera=()")),
            "{head}"
        );
    }
}

#[test]
fn a_refused_handshake_is_text_and_nothing_else() {
    let server = Server::start();
    let websocket =
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n";
    let host = format!("Host: {}\r\n", server.address());
    for (request, status) in [
        ("GET / HTTP/1.1\n\n".to_owned(), 400),
        (format!("GET /ws HTTP/1.1\r\n{websocket}Sec-WebSocket-Version: 13\r\n\r\n"), 400),
        (format!("GET /ws HTTP/1.1\r\n{host}{websocket}Sec-WebSocket-Version: 8\r\n\r\n"), 426),
        (
            format!(
                "GET /ws HTTP/1.1\r\n{host}{websocket}Sec-WebSocket-Version: 13\r\nCookie: a=b\r\nOrigin: https://evil.example\r\n\r\n"
            ),
            403,
        ),
    ] {
        let (head, _) = server.request(&request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {head}");
        assert_eq!(header(&head, "content-type"), Some("text/plain; charset=utf-8"), "{head}");
        assert_eq!(header(&head, "x-content-type-options"), Some("nosniff"), "{head}");
        let policy = header(&head, "content-security-policy").expect("a policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
}

#[test]
fn requests_with_credentials_come_from_the_servers_own_pages() {
    let server = Server::start();
    let own = format!("http://{}", server.address());
    for (origin, with, without) in [
        (Some(own.as_str()), 200, 200),
        (None, 200, 200),
        (Some("https://evil.example"), 403, 200),
        (Some("null"), 403, 200),
    ] {
        let origin = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
        for (fields, status) in CREDENTIALS.map(|field| (field, with)).into_iter().chain([("", without)]) {
            let (head, _) = server.get("/", &format!("{origin}{fields}"));
            assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{origin}{fields}: {head}");
        }
    }
}

#[test]
fn a_connection_that_was_used_before_is_upgraded_by_the_same_rules() {
    let server = Server::start();
    let host = server.address();
    let own = format!("http://{host}");
    for (origin, fields, status) in [
        ("https://evil.example", CREDENTIALS[0], "403"),
        ("https://evil.example", CREDENTIALS[1], "403"),
        ("https://evil.example", CREDENTIALS[2], "403"),
        ("https://evil.example", "", "101"),
        (&own, CREDENTIALS[0], "101"),
    ] {
        let mut connection = server.connect();
        let (head, body) = connection.ask(&format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert!(head.starts_with("HTTP/1.1 200") && body == "ok", "{head}");
        let (head, _) = connection
            .ask(&format!("GET /ws HTTP/1.1\r\nHost: {host}\r\n{WEBSOCKET}Origin: {origin}\r\n{fields}\r\n"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{origin} {fields}: {head}");
    }
}

/// One byte of another character set, in a cookie of any application of the same host.
#[test]
fn what_is_no_text_hides_neither_credentials_nor_an_origin() {
    let server = Server::start();
    let upgrade = format!("GET /ws HTTP/1.1\r\nHost: {}\r\n{WEBSOCKET}", server.address()).into_bytes();
    for (fields, status) in [
        (&b"Origin: https://evil.example\r\nCookie: sid=1; x=\xe9\r\n\r\n"[..], "403"),
        (b"Origin: https://evil.example/\xe9\r\nCookie: sid=1\r\n\r\n", "400"),
    ] {
        let (head, _) = server.request([&upgrade[..], fields].concat());
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{}: {head}",
            String::from_utf8_lossy(fields)
        );
    }
}

#[test]
fn a_file_that_has_not_changed_is_not_sent_again() {
    let server = Server::start();
    let (head, page) = server.get("/", "");
    let tag = header(&head, "etag").expect("a tag").to_owned();
    assert_eq!(header(&head, "cache-control"), Some("no-cache"));
    for tags in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        let (head, body) = server.get("/", &format!("If-None-Match: {tags}\r\n"));
        assert!(head.starts_with("HTTP/1.1 304"), "{tags}: {head}");
        assert_eq!((header(&head, "etag"), body.as_str()), (Some(tag.as_str()), ""));
    }
    let (head, body) = server.get("/", "If-None-Match: \"other\"\r\n");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(body, page);
}

/// As a browser asks; what comes is other bytes, so it has another tag, and caches in between are told.
#[test]
fn the_page_is_compressed_for_who_can_read_that() {
    let server = Server::start();
    let (plain, page) = server.get("/", "");
    assert_eq!((header(&plain, "vary"), header(&plain, "content-encoding")), (Some("Accept-Encoding"), None));
    let gzip = "Accept-Encoding: gzip, deflate, br\r\n";
    let request = |fields: &str| {
        let address = server.address();
        server
            .request_bytes(format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n"))
    };
    let (head, body) = request(gzip);
    assert_eq!(
        (header(&head, "vary"), header(&head, "content-encoding")),
        (Some("Accept-Encoding"), Some("gzip"))
    );
    assert!(
        body.starts_with(&[0x1f, 0x8b]) && body.len() * 2 < page.len(),
        "{} of {} bytes",
        body.len(),
        page.len()
    );
    let tag = header(&head, "etag").expect("a tag");
    assert_ne!(Some(tag), header(&plain, "etag"));
    let (head, body) = request(&format!("{gzip}If-None-Match: {tag}\r\n"));
    assert!(head.starts_with("HTTP/1.1 304") && body.is_empty(), "{head}");
    let (head, _) = request(&format!("If-None-Match: {tag}\r\n"));
    assert!(head.starts_with("HTTP/1.1 200"), "the other representation is asked about: {head}");
}

/// By this the page finds out that it is of another build than the server.
#[test]
fn the_page_and_the_server_name_the_same_build() {
    let server = Server::start();
    let (head, version) = server.get("/version", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(header(&head, "cache-control"), Some("no-store"));
    assert!(version.len() == 16, "{version}");
    for path in ["/", "/sw.js"] {
        let (_, text) = server.get(path, "");
        assert!(
            text.contains(&version) && !text.contains("%version%") && !text.contains("%files%"),
            "{path}"
        );
    }
}

#[test]
fn head_is_answered_without_a_body() {
    let server = Server::start();
    let page = server.get("/", "").1;
    let request = format!("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address());
    let (head, body) = server.request(&request);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!((header(&head, "content-length"), body.as_str()), (Some(page.len().to_string().as_str()), ""));
}

#[test]
fn everything_else_is_not_found() {
    let server = Server::start();
    for path in ["/nothing", "/../Cargo.toml", "/%2e%2e/Cargo.toml", "//", "/index.html/", "/healthz/"] {
        let (head, body) = server.get(path, "");
        assert!(head.starts_with("HTTP/1.1 404"), "{path}: {head}");
        assert!(body.contains("chat is at /"), "{path}: {body}");
    }
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        server.address()
    );
    let (head, _) = server.request(&request);
    assert!(head.starts_with("HTTP/1.1 405"), "{head}");
}
