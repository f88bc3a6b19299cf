//! The end of a room as somebody finds it who comes back: all that a page needs to show the conversation before it is connected.

use rusqlite::{Connection, OptionalExtension as _};

use super::history::{self, RoomRef, Viewer};
use super::{StoreError, conversations, unsigned};
use crate::account::{Profile, Role};
use crate::limits::{ARRIVAL_BYTES_MAX, DIRECT_PEOPLE_MAX, PAGE_BYTES_MAX, PAGE_MESSAGES_MAX};
use crate::protocol::conversation::{Kind, Member, Place, Reading, RoomSummary, Standing, arrival};
use crate::protocol::event::Page;
use crate::protocol::request::PagePosition;

/// Who comes, and where to.
#[derive(Clone, Debug)]
pub(crate) struct Comer {
    pub(crate) profile: Profile,
    /// The room's key.
    pub(crate) room: String,
    pub(crate) viewer: Viewer,
}

/// A room as its row has it.
struct Found {
    id: i64,
    kind: Kind,
    title: String,
    topic: String,
    is_archived: bool,
    creator: Option<i64>,
    seq: u64,
}

/// The room's JSON; None: there is no such room, or none that this person may read. `connection` has a transaction open: all of it is as it
/// was at one moment.
pub(super) fn read(connection: &Connection, comer: &Comer) -> Result<Option<String>, StoreError> {
    let Profile { id: person, role, .. } = comer.profile;
    let Some(found) = find(connection, &comer.room, person)? else { return Ok(None) };
    let room = RoomRef { id: found.id, key: comer.room.as_str().into() };
    let page = page(connection, &room, &comer.viewer)?;
    let membership = conversations::membership(connection, person, found.id)?;
    let reading = match membership {
        Some(membership) => Some(Reading {
            read: membership.read,
            unread: found.seq.saturating_sub(membership.read),
            mentions: conversations::count_mentions(
                connection,
                person,
                found.id,
                (membership.read, found.seq),
            )?,
        }),
        None => None,
    };
    let is_direct = found.kind == Kind::Direct;
    let (people, reads) = if is_direct {
        let reads = conversations::reads(connection, found.id)?.into_iter();
        let people = conversations::members(connection, found.id, DIRECT_PEOPLE_MAX)?;
        let people = people.into_iter().map(|(person, _)| Member { person, whereabouts: None }).collect();
        (people, Some(reads.filter(|(other, _)| *other != person).collect()))
    } else {
        (Vec::new(), None)
    };
    let summary = RoomSummary {
        room: &room.key,
        title: &found.title,
        seq: found.seq,
        change: page.change,
        members: None,
        kind: found.kind,
        topic: &found.topic,
        is_archived: found.is_archived,
        standing: Some(Standing {
            joined: false,
            reading,
            is_muted: membership.is_some_and(|membership| membership.is_muted),
            may_manage: !is_direct && (role == Role::Admin || found.creator == Some(person)),
        }),
        people,
    };
    // How far this person has read is in the summary.
    Ok(Some(arrival(&summary, &page, &Place { reading: None, reads })))
}

/// The last messages, and at least one, however long it is.
fn page(connection: &Connection, room: &RoomRef, viewer: &Viewer) -> Result<Page, StoreError> {
    let last = PagePosition::Before(u64::MAX);
    let page = history::page(connection, room, last, PAGE_MESSAGES_MAX, ARRIVAL_BYTES_MAX, viewer)?;
    if page.messages.is_empty() && page.more {
        return history::page(connection, room, last, 1, PAGE_BYTES_MAX, viewer);
    }
    Ok(page)
}

fn find(connection: &Connection, key: &str, person: i64) -> rusqlite::Result<Option<Found>> {
    let query = format!(
        "SELECT r.id, r.kind, r.title, r.topic, r.archived, r.creator,
                (SELECT max(seq) FROM messages WHERE room_id = r.id)
         FROM rooms r WHERE r.key = ?1 AND {}",
        conversations::MAY_READ
    );
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_row((key, person), |row| {
        Ok(Found {
            id: row.get(0)?,
            kind: Kind::from_number(row.get(1)?),
            title: row.get(2)?,
            topic: row.get(3)?,
            is_archived: row.get(4)?,
            creator: row.get(5)?,
            seq: row.get::<_, Option<i64>>(6)?.map_or(0, unsigned),
        })
    });
    found.optional()
}
