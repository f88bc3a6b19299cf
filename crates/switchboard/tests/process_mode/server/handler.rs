//! What the workers do.

use std::time::Duration;

use switchboard::{
    BoxError, Closed, Conn, Decision, Handle, Handler, HttpService, Message, PipeMessage, Request, Worker,
};

use super::{folder, note, perform, router};

pub(crate) struct Driven {
    worker: Worker,
}

pub(crate) async fn worker_start(worker: Worker) -> Result<Driven, BoxError> {
    let (id, generation, pid) = (worker.id(), worker.handle().generation(), std::process::id());
    match std::fs::read_to_string(folder().join("at_start")).unwrap_or_default().as_str() {
        "fail" => return Err("told to fail".into()),
        "slow" => tokio::time::sleep(Duration::from_millis(700)).await,
        _ => {}
    }
    note(format!("worker_start {id} {generation} {pid}"));
    Ok(Driven { worker })
}

impl Handler for Driven {
    /// By the path: `/reject`, `/slow`, `/panic`, `/hang`, `/user/NAME`, `/session/TEXT`, `/proto`.
    async fn authorize(&self, request: Request) -> Decision {
        let mut parts = request.path().trim_start_matches('/').splitn(2, '/');
        match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
            ("reject", _) => Decision::reject(403, "not you").header("X-Why", "told so"),
            ("slow", millis) => {
                tokio::time::sleep(Duration::from_millis(millis.parse().unwrap())).await;
                Decision::accept()
            }
            ("panic", _) => panic!("authorize panics, as it was told"),
            ("die", _) => std::process::abort(),
            ("hang", _) => std::future::pending().await,
            ("user", name) => Decision::accept().user(name),
            ("session", text) => Decision::accept().session(text.to_owned()),
            ("proto", _) => Decision::accept()
                .subprotocol("second")
                .header("X-Who", format!("worker {}", self.worker.id())),
            _ => Decision::accept(),
        }
    }

    async fn on_open(&self, conn: Conn, request: Request) {
        note(format!("open {} {} {}", conn.id(), conn.attempt(), std::process::id()));
        if request.path() == "/busy" {
            tokio::time::sleep(Duration::from_millis(300)).await;
            conn.push("opened").unwrap();
        }
    }

    async fn on_message(&self, mut conn: Conn, message: Message) {
        let Some(text) = message.as_text().map(str::to_owned) else {
            return answer(&conn, message);
        };
        // `#7 echo` is answered by `=7 echo`, so that a client knows an answer that comes a second time.
        let (tag, text) = match text.strip_prefix('#').and_then(|text| text.split_once(' ')) {
            Some((tag, text)) => (tag, text),
            None => ("", text.as_str()),
        };
        let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
        let millis = || Duration::from_millis(rest.split(' ').next().unwrap().parse().unwrap());
        match command {
            "seq" => {
                note(format!("seq {} {rest} {} {}", conn.id(), conn.attempt(), self.worker.id()));
                return answer(&conn, format!("seq {rest}").into());
            }
            "seq_slow" => {
                let (time, number) = rest.split_once(' ').unwrap();
                tokio::time::sleep(Duration::from_millis(time.parse().unwrap())).await;
                note(format!("seq {} {number} {} {}", conn.id(), conn.attempt(), self.worker.id()));
                return answer(&conn, format!("seq {number}").into());
            }
            "sleep" => tokio::time::sleep(millis()).await,
            // What it pushes leaves when it has ended.
            "block" => {
                note(format!("blocks {}", conn.id()));
                std::thread::sleep(millis());
            }
            // Tells that it has begun, too.
            "nap" => {
                conn.push("napping").unwrap();
                tokio::time::sleep(millis()).await;
            }
            "panic" => panic!("a handler panics, as it was told"),
            "panic_later" => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                panic!("a handler panics later, as it was told");
            }
            "die" if conn.attempt() == 1 => std::process::abort(),
            "die" => {}
            "die_always" => std::process::abort(),
            "set" => {
                conn.set_session(rest.to_owned()).unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            "mine" => {
                let session = String::from_utf8_lossy(conn.session()).into_owned();
                return answer(&conn, format!("={tag} {session}").into());
            }
            "attempt" => return answer(&conn, format!("={tag} {}", conn.attempt()).into()),
            "worker" => return answer(&conn, format!("={tag} {}", self.worker.id()).into()),
            _ => {
                let result = perform::perform(conn.handle(), Some(conn.id()), text).await;
                return answer(&conn, format!("={tag} {result}").into());
            }
        }
        answer(&conn, format!("={tag} {}", conn.attempt()).into());
    }

    async fn on_close(&self, conn: Conn, closed: Closed) {
        let Closed { code, by, .. } = &closed;
        note(format!("close {} {code} {by:?} {} {}", conn.id(), conn.attempt(), std::process::id()));
    }

    async fn on_drain(&self, conn: Conn) {
        note(format!("drain {}", conn.id()));
    }

    async fn on_pipe_message(&self, handle: Handle, message: PipeMessage) {
        let from = message.from().map_or_else(|| "master".to_owned(), |from| from.to_string());
        let body = String::from_utf8_lossy(message.body()).into_owned();
        let me = self.worker.id();
        match body.split_once(' ') {
            // Does as a client or the user process would, for a connection that wants to know.
            Some(("do", rest)) => perform::perform_for(&handle, rest).await,
            Some(("nap", millis)) => {
                tokio::time::sleep(Duration::from_millis(millis.parse().unwrap())).await;
            }
            Some(("die", _)) if message.attempt() == 1 => std::process::abort(),
            _ => {}
        }
        let shown: String = body.chars().take(60).collect();
        note(format!("piped {me} {} {} {from}: {shown}", message.attempt(), body.len()));
    }

    fn http(&self) -> Option<HttpService> {
        Some(HttpService::new(router::router(self.worker.clone())))
    }

    async fn worker_stop(&self) {
        note(format!("worker_stop {} {}", self.worker.id(), std::process::id()));
    }
}

/// A client that has gone misses nothing.
fn answer(conn: &Conn, message: Message) {
    let _ = conn.push(message);
}
