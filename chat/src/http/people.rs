//! Coming in, signing in and out, and having an account: `/session`, `/sessions`, `/sessions/3` and `/account`. Passwords come this way and
//! not through the WebSocket, so that no frame, and none of the hub's mail, ever has one in it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::routing::{delete, get, post};
use axum::{Router, http};
use serde_json::{Map, Value};
use switchboard::{PeerAddr, Transport};
use tokio::time::timeout;

use super::arrival::{Arrivals, Destination};
use super::{cookie, respond};
use crate::account::call::{Answer, Call};
use crate::account::desk::Desk;
use crate::account::password::{self, Passwords};
use crate::account::{Profile, Token};
use crate::limits::{AGENT_BYTES_MAX, BODY_BYTES_MAX, BODY_WAIT_MS_MAX, PASSWORD_BYTES_MAX};
use crate::protocol::{Code, Refusal, event, request};
use crate::store::reader::{ReadError, Reader};

/// What the requests about people need.
#[derive(Clone)]
pub(crate) struct Office {
    pub(crate) desk: Arc<Desk>,
    pub(crate) reader: Arc<Reader>,
    /// Another one, that searches do not hold up.
    pub(crate) searcher: Arc<Reader>,
    pub(crate) passwords: Passwords,
    pub(crate) arrivals: Arc<Arrivals>,
}

/// A response with a status of its own, or an error that the protocol knows.
enum Failure {
    Refused(Refusal),
    /// What the hub has said.
    Answered(StatusCode, u64, String),
    Status(StatusCode, &'static str),
}

type Outcome = Result<Response<Body>, Failure>;

pub(super) fn routes(office: Office) -> Router {
    Router::new()
        .route("/session", get(who_am_i).post(come_in).delete(sign_out))
        .route("/sessions", get(list_sessions).delete(sign_out_everywhere))
        .route("/sessions/{number}", delete(sign_out_there))
        .route("/account", post(set_password))
        .with_state(office)
}

/// Who asks, as far as the head of the request tells it.
struct Caller {
    token: Option<Token>,
    by_https: bool,
    address: Option<IpAddr>,
    agent: String,
}

impl Caller {
    fn of(head: &http::request::Parts) -> Self {
        let by_https = by_https(&head.headers, head.extensions.get() == Some(&Transport::Tls));
        let cookies =
            head.headers.get_all(header::COOKIE).into_iter().filter_map(|field| field.to_str().ok());
        let address = match head.extensions.get() {
            Some(PeerAddr::Inet(address)) => Some(address.ip()),
            _ => None,
        };
        let agent = head.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("");
        let agent = agent[..agent.floor_char_boundary(AGENT_BYTES_MAX)].to_owned();
        let (token, is_secure) = cookie::token(cookies, by_https).unzip();
        // It is set anew under the name that it has.
        Self { token, by_https: by_https || is_secure == Some(true), address, agent }
    }

    fn token(&self) -> Result<&Token, Failure> {
        self.token.as_ref().ok_or_else(|| Refusal::not_signed_in().into())
    }

    /// Says who one is, and how the browser is to be known from here on.
    fn welcome(&self, profile: &Profile, token: &Token) -> Outcome {
        self.welcome_to(profile, token, None)
    }

    /// The same, with the end of a room.
    fn welcome_to(&self, profile: &Profile, token: &Token, room: Option<&str>) -> Outcome {
        let mut response = json(StatusCode::OK, event::whoami(Some(profile), room));
        set_cookie(&mut response, &cookie::set(token, self.by_https))?;
        Ok(response)
    }
}

/// A proxy may have taken TLS off: then the page's origin tells.
pub(crate) fn by_https(headers: &HeaderMap, by_tls: bool) -> bool {
    by_tls || headers.get(header::ORIGIN).is_some_and(|origin| is_https(origin.as_bytes()))
}

/// Is it the origin of a page that came by https?
pub(crate) fn is_https(origin: &[u8]) -> bool {
    origin.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https://"))
}

async fn who_am_i(State(office): State<Office>, request: Request) -> Response<Body> {
    finish(tell_who(&office, &request.into_parts().0).await)
}

async fn tell_who(office: &Office, head: &http::request::Parts) -> Outcome {
    let caller = Caller::of(head);
    let destination = Destination::of(&head.uri, &head.headers)?;
    let Some(token) = &caller.token else { return Ok(json(StatusCode::OK, event::whoami(None, None))) };
    match office.reader.session(token.hash()).await {
        Ok(Some((_, profile))) => {
            let room = match destination {
                Some(destination) => destination.end(office, &profile).await,
                None => None,
            };
            caller.welcome_to(&profile, token, room.as_deref())
        }
        Ok(None) => {
            let mut response = json(StatusCode::OK, event::whoami(None, None));
            set_cookie(&mut response, &cookie::clear(caller.by_https))?;
            Ok(response)
        }
        Err(error) => Err(unread(error).into()),
    }
}

fn unread(error: ReadError) -> Refusal {
    if matches!(error, ReadError::Busy) {
        return Refusal::busy();
    }
    tracing::error!(%error, "sessions could not be read");
    Refusal::internal()
}

async fn come_in(State(office): State<Office>, request: Request) -> Response<Body> {
    finish(enter(&office, request).await)
}

async fn enter(office: &Office, request: Request) -> Outcome {
    let (caller, fields) = read(request).await?;
    let name = request::name(&text(&fields, "name")?)?;
    match optional(&fields, "password")? {
        Some(password) => sign_in(office, &caller, name, password).await,
        None => {
            let invitation = match optional(&fields, "invitation")? {
                // What is none is one that nobody has: only the hub knows whether it takes one to come in.
                Some(text) => Some(Token::parse(&text).map_or_else(new_token, Ok)?.hash()),
                None => None,
            };
            let token = new_token()?;
            let call = Call::Enter {
                name,
                agent: caller.agent.clone(),
                token: token.hash(),
                replaces: caller.token.as_ref().map(Token::hash),
                address: caller.address,
                invitation,
            };
            caller.welcome(&somebody(office.desk.ask(call).await?)?, &token)
        }
    }
}

async fn sign_in(office: &Office, caller: &Caller, name: String, password: String) -> Outcome {
    let wrong = || Refusal::new(Code::WrongPassword, "There is no account of this name with this password.");
    // So long none is; it is not worth an attempt.
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(wrong().into());
    }
    let answer = office.desk.ask(Call::Account { name, address: caller.address }).await?;
    let (profile, kept) = account(answer)?;
    let right = office.passwords.verify(password, kept.clone()).await?;
    let (Some(profile), Some(kept), true) = (profile, kept, right) else { return Err(wrong().into()) };
    let token = new_token()?;
    let call = Call::SignIn {
        person: profile.id,
        password: kept,
        agent: caller.agent.clone(),
        token: token.hash(),
        replaces: caller.token.as_ref().map(Token::hash),
        address: caller.address,
    };
    caller.welcome(&somebody(office.desk.ask(call).await?)?, &token)
}

async fn set_password(State(office): State<Office>, request: Request) -> Response<Body> {
    finish(claim(&office, request).await)
}

/// Makes an account of a guest, or gives an account another password.
async fn claim(office: &Office, request: Request) -> Outcome {
    let (caller, fields) = read(request).await?;
    let token = caller.token()?.hash();
    let (password, old) = (text(&fields, "password")?, optional(&fields, "old")?);
    let answer = office.desk.ask(Call::Own { token, address: caller.address }).await?;
    let (Some(profile), before) = account(answer)? else { return Err(Refusal::not_signed_in().into()) };
    password::check(&password, &profile.name)?;
    if let Some(kept) = &before {
        let old = old.filter(|old| old.len() <= PASSWORD_BYTES_MAX).unwrap_or_default();
        if !office.passwords.verify(old, Some(kept.clone())).await? {
            let sentence = "The old password is wrong. Send it as `old`.";
            return Err(Refusal::new(Code::WrongPassword, sentence).into());
        }
    }
    let password = office.passwords.hash(password).await?;
    // What was somebody's token before they had more to lose is nobody's now.
    let next = new_token()?;
    let call = Call::SetPassword { token, before, password, next: next.hash() };
    caller.welcome(&somebody(office.desk.ask(call).await?)?, &next)
}

async fn sign_out(State(office): State<Office>, request: Request) -> Response<Body> {
    finish(end_sessions(&office, request, false).await)
}

async fn sign_out_everywhere(State(office): State<Office>, request: Request) -> Response<Body> {
    finish(end_sessions(&office, request, true).await)
}

async fn end_sessions(office: &Office, request: Request, everywhere: bool) -> Outcome {
    let caller = Caller::of(&request.into_parts().0);
    if let Some(token) = &caller.token {
        let answer = office.desk.ask(Call::SignOut { token: token.hash(), everywhere }).await?;
        refused(answer)?;
    }
    goodbye(&caller)
}

/// The browser is nobody's from here on.
fn goodbye(caller: &Caller) -> Outcome {
    let mut response = json(StatusCode::OK, event::whoami(None, None));
    set_cookie(&mut response, &cookie::clear(caller.by_https))?;
    Ok(response)
}

async fn list_sessions(State(office): State<Office>, request: Request) -> Response<Body> {
    finish(tell_sessions(&office, &Caller::of(&request.into_parts().0)).await)
}

async fn tell_sessions(office: &Office, caller: &Caller) -> Outcome {
    let found = office.reader.sessions(caller.token()?.hash()).await.map_err(unread)?;
    let (login, stays) = found.ok_or_else(Refusal::not_signed_in)?;
    Ok(json(StatusCode::OK, event::sessions(login.session, &stays)))
}

async fn sign_out_there(
    State(office): State<Office>,
    Path(number): Path<String>,
    request: Request,
) -> Response<Body> {
    finish(end_session(&office, &Caller::of(&request.into_parts().0), &number).await)
}

async fn end_session(office: &Office, caller: &Caller, number: &str) -> Outcome {
    let token = caller.token()?;
    let session =
        number.parse().map_err(|_| bad("The number of a session is one of `GET /sessions`.".to_owned()))?;
    match refused(office.desk.ask(Call::EndSession { token: token.hash(), session }).await?)? {
        Answer::Somebody(profile) => Ok(json(StatusCode::OK, event::whoami(Some(&profile), None))),
        _ => goodbye(caller),
    }
}

/// The head of a request, and its body: a JSON object.
async fn read(request: Request) -> Result<(Caller, Map<String, Value>), Failure> {
    let (head, body) = request.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if !kind.split(';').next().unwrap_or("").trim().eq_ignore_ascii_case("application/json") {
        let sentence = "The body must be JSON, and the Content-Type application/json.";
        return Err(Failure::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE, sentence));
    }
    let body = match timeout(Duration::from_millis(BODY_WAIT_MS_MAX), to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let sentence = "The body is too long, or did not come whole. Names and passwords are short.";
            return Err(Failure::Status(StatusCode::PAYLOAD_TOO_LARGE, sentence));
        }
        Err(_) => {
            return Err(Failure::Status(
                StatusCode::REQUEST_TIMEOUT,
                "The body did not come in time. Send it again.",
            ));
        }
    };
    match serde_json::from_slice(&body) {
        Ok(Value::Object(fields)) => Ok((Caller::of(&head), fields)),
        _ => Err(bad("The body must be one JSON object, such as {\"name\":\"Ann\"}.".to_owned())),
    }
}

fn text(fields: &Map<String, Value>, key: &str) -> Result<String, Failure> {
    optional(fields, key)?.ok_or_else(|| bad(format!("`{key}` is missing: it must be a string.")))
}

fn optional(fields: &Map<String, Value>, key: &str) -> Result<Option<String>, Failure> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(bad(format!("`{key}` must be a string."))),
    }
}

fn bad(sentence: String) -> Failure {
    Refusal::new(Code::BadValue, sentence).into()
}

fn new_token() -> Result<Token, Failure> {
    Token::random().map_err(|error| {
        tracing::error!(%error, "the system gives no random numbers");
        Refusal::internal().into()
    })
}

fn somebody(answer: Answer) -> Result<Profile, Failure> {
    match refused(answer)? {
        Answer::Somebody(profile) => Ok(profile),
        _ => Err(Refusal::internal().into()),
    }
}

fn account(answer: Answer) -> Result<(Option<Profile>, Option<String>), Failure> {
    match refused(answer)? {
        Answer::Account { profile, password } => Ok((profile, password)),
        _ => Err(Refusal::internal().into()),
    }
}

fn refused(answer: Answer) -> Result<Answer, Failure> {
    match answer {
        Answer::Refused { status, retry_after_ms, body } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Err(Failure::Answered(status, retry_after_ms, body))
        }
        answer => Ok(answer),
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn finish(outcome: Outcome) -> Response<Body> {
    let (status, retry_after_ms, body) = match outcome {
        Ok(response) => return response,
        Err(Failure::Answered(status, retry_after_ms, body)) => (status, retry_after_ms, body),
        Err(Failure::Status(status, sentence)) => {
            (status, 0, Refusal::new(Code::BadRequest, sentence).to_json())
        }
        Err(Failure::Refused(refusal)) => {
            let status = StatusCode::from_u16(refusal.code.status());
            let wait = refusal.retry_after_ms.unwrap_or(if refusal.code == Code::Busy { 1_000 } else { 0 });
            (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), wait, refusal.to_json())
        }
    };
    let mut response = json(status, body);
    if retry_after_ms > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after_ms.div_ceil(1_000).into());
    }
    response
}

fn json(status: StatusCode, body: String) -> Response<Body> {
    respond(status, "application/json", body.into(), "no-store")
}

fn set_cookie(response: &mut Response<Body>, field: &str) -> Result<(), Failure> {
    let field = HeaderValue::from_str(field).map_err(|_| Refusal::internal())?;
    response.headers_mut().append(header::SET_COOKIE, field);
    Ok(())
}
