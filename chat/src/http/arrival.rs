//! `GET /session?room=KEY`: who one is and the end of the conversation that one comes to, so that a page shows it one round trip after it
//! is there, before its WebSocket is open.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, Uri};
use tokio::time::Instant;

use super::people::Office;
use crate::account::Profile;
use crate::bucket::Bucket;
use crate::limits::{ARRIVALS_COUNTED_MAX, ID_BYTES_MAX, pace};
use crate::protocol::{Code, Refusal};
use crate::store::Viewer;
use crate::store::arrival::Comer;
use crate::store::reader::ReadError;

/// The client key, which is the client's own business: addresses are written into logs.
const CLIENT_FIELD: &str = "switchboard-client";

/// Where somebody comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Destination {
    room: String,
    client: String,
}

impl Destination {
    /// What the head of a request says of it; None: who one is was asked, and nothing more.
    pub(super) fn of(uri: &Uri, headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let pairs = uri.query().unwrap_or("").split('&');
        let Some(room) = pairs.filter_map(|pair| pair.strip_prefix("room=")).next() else {
            return Ok(None);
        };
        let room = decode(room).ok_or_else(|| {
            Refusal::new(
                Code::BadValue,
                "`room` in the address must be UTF-8, percent-encoded, such as ?room=tea-time-%E8%8C%B6.",
            )
        })?;
        let client = headers.get(CLIENT_FIELD).map_or(Ok(""), |field| field.to_str()).unwrap_or("\u{7f}");
        if client.len() > ID_BYTES_MAX || client.contains(|c: char| c.is_control()) {
            let sentence = format!("Switchboard-Client must be 1 to {ID_BYTES_MAX} bytes of ASCII.");
            return Err(Refusal::new(Code::BadValue, sentence));
        }
        Ok(Some(Self { room, client: client.to_owned() }))
    }

    /// The end of the room as this person may see it, as JSON. One that they may not is as one that there is not, and so is one that
    /// cannot be had at present: whoever comes must learn all the same who they are, and finds the room by their WebSocket.
    pub(super) async fn end(self, office: &Office, profile: &Profile) -> Option<String> {
        if !office.arrivals.admit(profile.id) {
            return None;
        }
        let viewer = Viewer { client: self.client.into(), name: profile.name.as_str().into() };
        let comer = Comer { profile: profile.clone(), room: self.room, viewer };
        let read = office.reader.arrive(comer).await;
        read.unwrap_or_else(|error| {
            if !matches!(error, ReadError::Busy) {
                tracing::error!(%error, "the end of a room could not be read");
            }
            None
        })
    }
}

/// How often each person comes.
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// The limits are multiplied by it; 0: there are none.
    factor: u32,
    people: Mutex<HashMap<i64, Bucket>>,
}

impl Arrivals {
    pub(crate) fn new(factor: u32) -> Self {
        Self { factor, people: Mutex::default() }
    }

    /// Counts a page, unless there were too many. As pages of history are, but a person's: each request may have a connection of its own.
    fn admit(&self, person: i64) -> bool {
        if self.factor == 0 {
            return true;
        }
        let (rate, now) = (pace::HISTORY.times(self.factor), Instant::now());
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= ARRIVALS_COUNTED_MAX && !people.contains_key(&person) {
            people.retain(|_, bucket| !bucket.is_full(now));
            if people.len() >= ARRIVALS_COUNTED_MAX {
                return false;
            }
        }
        let bucket = people.entry(person).or_default();
        let is_admitted = bucket.wait(rate, 1, now).is_zero();
        if is_admitted {
            bucket.take(rate, 1, now);
        }
        is_admitted
    }
}

/// Percent-encoded UTF-8 (RFC 3986 §2.1).
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let (digits, after) = rest.split_at_checked(2)?;
            let digit = |byte: u8| char::from(byte).to_digit(16);
            bytes.push(u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?);
            rest = after;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(uri: &str) -> Result<Option<String>, Code> {
        let found = Destination::of(&uri.parse().expect("an address"), &HeaderMap::new());
        found.map(|found| found.map(|found| found.room)).map_err(|refusal| refusal.code)
    }

    #[test]
    fn the_room_is_read_from_the_address() {
        assert_eq!(room("/session"), Ok(None));
        assert_eq!(room("/session?rooms=tea&x"), Ok(None));
        assert_eq!(room("/session?x=1&room=tea%2Dtime-%e8%8C%b6"), Ok(Some("tea-time-茶".to_owned())));
        for bad in ["%", "%4", "%zz", "%ff", "tea%E8%8C"] {
            assert_eq!(room(&format!("/session?room={bad}")), Err(Code::BadValue), "{bad}");
        }
    }

    #[test]
    fn each_person_has_a_bucket_and_there_are_not_too_many_of_them() {
        let arrivals = Arrivals::new(1);
        let admitted = |person| (0..1_000).take_while(|_| arrivals.admit(person)).count();
        assert!(admitted(1) >= pace::HISTORY.at_once as usize && admitted(2) > 0);
        assert!(!arrivals.admit(1));
        for person in 3..=ARRIVALS_COUNTED_MAX as i64 {
            assert!(arrivals.admit(person));
        }
        assert!(arrivals.people.lock().is_ok_and(|people| people.len() <= ARRIVALS_COUNTED_MAX));
        assert!((0..1_000).all(|_| Arrivals::new(0).admit(1)), "limits can be off");
    }
}
