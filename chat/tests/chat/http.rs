//! The page and the health check.

use crate::support::Server;

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
        let (head, _) = server.get(&path, "");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        let expected = match path.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => continue,
        };
        assert_eq!(header(&head, "content-type"), Some(expected), "{path}");
    }
}

#[test]
fn the_page_may_run_its_own_files_alone() {
    let server = Server::start();
    for path in ["/", "/healthz", "/nothing"] {
        let (head, _) = server.get(path, "");
        let policy = header(&head, "content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("connect-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header(&head, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&head, "referrer-policy"), Some("no-referrer"), "{path}");
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
