use serde_json::{Value, json};

use super::server::Server;

/// What a request was answered with.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    /// Null where it is no JSON.
    pub body: Value,
}

impl Response {
    pub fn of((head, body): (String, String)) -> Self {
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Self { status, head, body: serde_json::from_str(&body).unwrap_or(Value::Null) }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// As much of a browser as keeps a cookie.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// As in `name=value`.
    pub cookie: Option<String>,
}

impl Browser {
    /// Somebody who has come in as a guest.
    pub fn guest(server: &Server, name: &str) -> Self {
        let mut browser = Self::default();
        let response = browser.ask(server, "POST", "/session", json!({"name": name}));
        assert_eq!(response.status, 200, "{response:?}");
        browser
    }

    /// Somebody with an account, which is made.
    pub fn account(server: &Server, name: &str, password: &str) -> Self {
        let mut browser = Self::guest(server, name);
        let response = browser.ask(server, "POST", "/account", json!({"password": password}));
        assert_eq!(response.status, 200, "{response:?}");
        browser
    }

    /// The cookie that it has.
    pub fn cookie(&self) -> &str {
        self.cookie.as_deref().expect("a cookie")
    }

    /// `body`: null for none.
    pub fn ask(&mut self, server: &Server, method: &str, path: &str, body: Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask_with(server, method, path, &format!("Origin: http://{}\r\n", server.address()), &body)
    }

    /// With these header fields beside the cookie's and those of the body.
    pub fn ask_with(
        &mut self,
        server: &Server,
        method: &str,
        path: &str,
        fields: &str,
        body: &str,
    ) -> Response {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let kind = if fields.contains("Content-Type") { "" } else { "Content-Type: application/json\r\n" };
        let response = Response::of(server.request(format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{cookie}{kind}{fields}Content-Length: {}\r\n\r\n{body}",
            server.address(),
            body.len()
        )));
        if let Some(field) = response.header("set-cookie") {
            let pair = field.split(';').next().unwrap_or_default().to_owned();
            self.cookie = Some(pair).filter(|_| !field.contains("Max-Age=0"));
        }
        response
    }

    pub fn sign_in(&mut self, server: &Server, name: &str, password: &str) -> Response {
        self.ask(server, "POST", "/session", json!({"name": name, "password": password}))
    }
}
