//! Requests about conversations, and those that begin one.

use std::sync::Arc;

use tokio::time::Instant;

use super::Caller;
use crate::hub::calls::{unreadable, unwritable};
use crate::hub::effect::Effect;
use crate::hub::outbox::{Group, Outbox, Outgoing};
use crate::hub::people::Client;
use crate::hub::{Hub, now_ms};
use crate::limits::DIRECT_PEOPLE_MAX;
use crate::protocol::conversation::{self, Kind, Someone};
use crate::protocol::request::{ConversationRequest, Whom, direct_people};
use crate::protocol::{Code, Refusal};
use crate::rooms::RoomIndex;
use crate::store::{Membership, NewRoom, RoomRow};
use crate::ticket::random;

impl<O: Outbox> Hub<O> {
    pub(super) fn converse(&mut self, caller: &Caller, request: ConversationRequest) -> Result<(), Refusal> {
        match request {
            ConversationRequest::Direct { people } => self.direct(caller, &people),
            ConversationRequest::Invite { room, whom } => self.invite(caller, &room, &whom),
            ConversationRequest::Remove { room, whom } => self.remove(caller, &room, &whom),
            ConversationRequest::Rename { room, title, key } => self.rename(caller, &room, &title, &key),
            ConversationRequest::Topic { room, topic } => self.set_topic(caller, &room, &topic),
            ConversationRequest::Archive { room, on } => self.archive(caller, &room, on),
            ConversationRequest::Read { room, seq } => self.read(caller, &room, seq),
            ConversationRequest::Quiet { room, on } => self.quiet(caller, &room, on),
            ConversationRequest::Typing { room } => self.typing(caller, &room),
            ConversationRequest::Members { room } => self.members(caller, &room),
        }
    }

    /// The person who asks.
    pub(super) fn signed_in(&self, caller: &Caller) -> Result<i64, Refusal> {
        self.people.get(caller.conn).and_then(Client::number).ok_or_else(Refusal::needs_session)
    }

    /// Somebody whom a request names. Of several guests of one name the one who is here is meant.
    pub(super) fn whom(&self, whom: &Whom) -> Result<Someone, Refusal> {
        let name = match whom {
            Whom::Number(id) => return self.someone(*id)?.ok_or_else(no_such_person),
            Whom::Name(name) => name,
        };
        let people = self.writer.people_named(name).map_err(unreadable)?;
        let account = people.iter().find(|person| person.password.is_some());
        let mut here = people.iter().filter(|person| !self.people.of_person(person.id).is_empty());
        let person = match (account, here.next(), here.next(), &people[..]) {
            (Some(account), ..) => account,
            (None, Some(only), None, _) => only,
            (None, None, None, [only]) => only,
            _ => return Err(no_such_person()),
        };
        Ok(Someone { id: person.id, name: person.name.clone() })
    }

    /// Begins a room; None: there is one of this key already.
    pub(super) fn begin_room(&mut self, new: &NewRoom<'_>) -> Result<Option<RoomIndex>, Refusal> {
        if self.rooms.is_full(new.kind) {
            let sentence = "The server has as many rooms as it may have. Use one of them.";
            return Err(Refusal::new(Code::TooManyRooms, sentence));
        }
        let id = self.writer.create_room(new).map_err(|error| {
            tracing::error!(%error, "a room was not stored");
            Refusal::internal()
        })?;
        let Some(id) = id else { return Ok(None) };
        let room = self.rooms.add(RoomRow {
            id,
            key: new.key.to_owned(),
            title: new.title.to_owned(),
            kind: new.kind,
            topic: new.topic.to_owned(),
            creator: new.creator,
            ..RoomRow::default()
        });
        for (person, membership) in new.members {
            self.memberships.put(*person, room, *membership);
            self.look_for(*person, room);
        }
        Ok(Some(room))
    }

    /// Creates a room that only those see who are invited into it.
    pub(super) fn create_private(
        &mut self,
        caller: &Caller,
        title: &str,
        topic: &str,
    ) -> Result<(), Refusal> {
        let person = self.signed_in(caller)?;
        self.has_room_for_more(person)?;
        let key = format!("P{:016x}", random());
        let new = NewRoom {
            ticket: caller.ticket,
            key: &key,
            title,
            kind: Kind::Private,
            topic,
            creator: Some(person),
            members: &[(person, Membership::default())],
            now_ms: now_ms(),
        };
        match self.begin_room(&new)? {
            Some(room) => self.tell_creation(caller, room),
            None => Err(Refusal::internal()),
        }
    }

    /// Tells of a new room: whoever has created it, and everybody who may see it.
    pub(super) fn tell_creation(&mut self, caller: &Caller, room: RoomIndex) -> Result<(), Refusal> {
        let onlooker = self.onlooker(caller.conn);
        let summary = self.summary(room, Some(onlooker))?;
        let created = conversation::created(caller.id.as_deref(), summary.room, summary.title, summary.kind);
        let (kind, own) = (summary.kind, summary.to_event(None, None));
        let for_all = self.summary(room, None)?.to_event(None, None);
        self.push(caller.conn, created);
        let person = self.people.get(caller.conn).and_then(Client::number);
        let Some(person) = person else {
            self.publish(Group::V1, for_all.into(), None);
            return Ok(());
        };
        let others = self.other_pages(person, caller.conn);
        if kind == Kind::Public {
            self.publish(Group::V1, for_all.into(), Some(caller.conn));
        }
        self.push(caller.conn, own);
        self.tell_room_to(&others, room, None)
    }

    /// The conversation with these people: always the same for the same ones.
    fn direct(&mut self, caller: &Caller, others: &[Whom]) -> Result<(), Refusal> {
        let person = self.signed_in(caller)?;
        let mut people = vec![person];
        for whom in others {
            people.push(self.whom(whom)?.id);
        }
        people.sort_unstable();
        people.dedup();
        if !(2..=DIRECT_PEOPLE_MAX).contains(&people.len()) {
            return Err(direct_people());
        }
        let key = format!("D{}", people.iter().map(i64::to_string).collect::<Vec<_>>().join("-"));
        if let Some(room) = self.rooms.find(&key) {
            let membership = self.memberships.get(person, room).unwrap_or_default();
            if membership.is_hidden {
                self.put_membership(person, room, Membership { is_hidden: false, ..membership })?;
            }
            return self.answer_direct(caller, room, membership.is_hidden || caller.again);
        }
        self.keep_pace_of_beginnings(caller)?;
        let member = |other| (other, Membership { is_hidden: other != person, ..Membership::default() });
        let members: Vec<_> = people.into_iter().map(member).collect();
        let new = NewRoom {
            ticket: caller.ticket,
            key: &key,
            title: "",
            kind: Kind::Direct,
            topic: "",
            creator: Some(person),
            members: &members,
            now_ms: now_ms(),
        };
        match self.begin_room(&new)? {
            Some(room) => self.answer_direct(caller, room, true),
            None => Err(Refusal::internal()),
        }
    }

    /// Counts a conversation that is begun; an error if this person, or their address, has begun too many lately.
    fn keep_pace_of_beginnings(&mut self, caller: &Caller) -> Result<(), Refusal> {
        let address = self.outbox.address(caller.conn);
        let Some(client) = self.people.get_mut(caller.conn) else { return Ok(()) };
        self.pace.admit_beginning(&mut client.buckets, address, Instant::now())
    }

    /// Does somebody not invite people more often than they may who have not looked at what they were invited into before?
    pub(super) fn keep_pace_of_invitations(&mut self, caller: &Caller) -> Result<(), Refusal> {
        let address = self.outbox.address(caller.conn);
        let Some(client) = self.people.get_mut(caller.conn) else { return Ok(()) };
        self.pace.admit_insistence(&mut client.buckets, address, Instant::now())
    }

    /// `is_news`: the other pages of whoever asks do not know the conversation yet, and are told of it.
    pub(super) fn answer_direct(
        &mut self,
        caller: &Caller,
        room: RoomIndex,
        is_news: bool,
    ) -> Result<(), Refusal> {
        let person = self.signed_in(caller)?;
        let summary = self.summary(room, Some(self.onlooker(caller.conn)))?;
        let frame = conversation::direct(caller.id.as_deref(), &summary);
        self.confirm(caller, room, frame);
        if is_news {
            let others = self.other_pages(person, caller.conn);
            self.tell_room_to(&others, room, None)?;
        }
        Ok(())
    }

    /// Notes in the open transaction that a request was carried out, even if it has changed nothing. If it comes again after a crash,
    /// it must not be carried out a second time: that would undo what others have done in the meantime.
    pub(super) fn note_deed(&mut self, caller: &Caller, room: RoomIndex) -> Result<(), Refusal> {
        self.writer.note_deed(caller.ticket, self.rooms[room].id).map_err(unwritable)
    }

    /// The answer to what has changed something in the open transaction.
    pub(super) fn confirm(&mut self, caller: &Caller, room: RoomIndex, frame: String) {
        let room = Some(self.key(room));
        self.answer_once_stored(caller, room, frame);
    }

    /// The same of what is about no room.
    pub(super) fn confirm_order(&mut self, caller: &Caller, frame: String) {
        self.answer_once_stored(caller, None, frame);
    }

    fn answer_once_stored(&mut self, caller: &Caller, room: Option<Arc<str>>, frame: String) {
        self.effects_bytes += frame.len();
        let (conn, id) = (caller.conn, caller.id.clone());
        self.effects.push(Effect::Answer { conn, id, room, frame });
    }

    /// Tells everybody in a room of something in the open transaction.
    pub(super) fn publish_to_room(&mut self, room: RoomIndex, frame: String) {
        let group = Group::Room(self.rooms[room].id);
        let outgoing = Outgoing::Publish { group, frame: frame.into(), except: None };
        self.effects.push(Effect::WhenStored(outgoing));
    }
}

pub(super) fn no_such_person() -> Refusal {
    let sentence = "There is nobody of this number or name who has a session, or several guests have the name: say the number of the one you mean.";
    Refusal::new(Code::NoSuchPerson, sentence)
}
