//! Every bound of the chat, with its reason. What grows without one of these is a defect.

/// Characters, as people count them (grapheme clusters, UAX #29), in the text of a message. A long letter fits; a pasted log
/// file does not belong here.
pub(crate) const TEXT_CHARS_MAX: usize = 4_000;

/// Bytes of it in UTF-8: four for each character. What people see as one can have any number.
pub(crate) const TEXT_BYTES_MAX: usize = 4 * TEXT_CHARS_MAX;

/// Characters in a name: what a line of the page has room for.
pub(crate) const NAME_CHARS_MAX: usize = 32;

/// Bytes of it.
pub(crate) const NAME_BYTES_MAX: usize = 4 * NAME_CHARS_MAX;

/// Characters in a room's title and in its key.
pub(crate) const ROOM_CHARS_MAX: usize = 48;

/// Bytes of each of them: as many as Chinese characters have. With four for each character a list of all rooms could be
/// longer than a frame.
pub(crate) const ROOM_BYTES_MAX: usize = 3 * ROOM_CHARS_MAX;

/// Characters, and bytes, of what a room is about: two lines.
pub(crate) const TOPIC_CHARS_MAX: usize = 250;
/// See [`TOPIC_CHARS_MAX`].
pub(crate) const TOPIC_BYTES_MAX: usize = 4 * TOPIC_CHARS_MAX;

/// Marks that stand on one letter of a name. Hebrew and Tibetan need four; more are there to cover the lines above and below.
pub(crate) const MARKS_MAX: usize = 4;

/// Milliseconds for which nobody may come who could be taken for somebody who has been here: 90 days after that one came last.
pub(crate) const NAME_KEPT_MS: u64 = 90 * DAY_MS;

/// Milliseconds after which it is noted again that somebody has come: it costs a write to the disk.
pub(crate) const NAME_NOTED_EVERY_MS: u64 = DAY_MS;

/// Names that are remembered, some 200 bytes each; of more the oldest are forgotten.
pub(crate) const NAMES_MAX: usize = 100_000;

/// Milliseconds after which a session ends that nobody has used.
pub(crate) const SESSION_UNUSED_MS_MAX: u64 = 90 * DAY_MS;

/// Milliseconds after which it is noted again that a session is in use: it costs a write to the disk.
pub(crate) const SESSION_NOTED_EVERY_MS: u64 = DAY_MS;

/// Sessions of one person: as many browsers as anybody has. Of more the one that was used longest ago ends.
pub(crate) const SESSIONS_PER_PERSON_MAX: usize = 20;

/// Guests in the database, some 400 bytes each with their session; of more those who came longest ago are forgotten, and come
/// as new ones.
pub(crate) const GUESTS_MAX: usize = 100_000;

/// Accounts. They are never removed, so this is what keeps somebody with many addresses from filling the disk.
pub(crate) const ACCOUNTS_MAX: usize = 100_000;

/// Bytes of a password. NIST SP 800-63B asks for eight characters at least; what is longer than the most adds nothing.
pub(crate) const PASSWORD_BYTES_MIN: usize = 8;
/// See [`PASSWORD_BYTES_MIN`].
pub(crate) const PASSWORD_BYTES_MAX: usize = 256;

/// Passwords that one worker hashes at a time, 19 MiB each: the others of a machine's cores are for those who chat.
pub(crate) const PASSWORDS_AT_ONCE_MAX: usize = 2;

/// Passwords that wait for that; more are answered with `busy`. The last of them waits for some seconds.
pub(crate) const PASSWORDS_WAITING_MAX: usize = 32;

/// Bytes in the body of a request: name, password, old password and invitation, every byte escaped.
pub(crate) const BODY_BYTES_MAX: usize = 6 * (NAME_BYTES_MAX + 2 * PASSWORD_BYTES_MAX + 64) + 256;

/// Milliseconds for a body to come.
pub(crate) const BODY_WAIT_MS_MAX: u64 = 10_000;

/// Bytes of what a browser calls itself that are kept with its session: the longest ones say at their end which it is.
pub(crate) const AGENT_BYTES_MAX: usize = 200;

/// Calls of one worker that wait for the hub's answer; more are answered with `busy`.
pub(crate) const CALLS_WAITING_MAX: usize = 512;

/// Milliseconds that a call waits for its answer before it is answered with `busy`: another hub is there within one.
pub(crate) const CALL_WAIT_MS_MAX: u64 = 5_000;

/// Accounts and addresses whose attempts at passwords are counted at one time, some 100 bytes each. If there are more, all
/// attempts are refused for a while.
pub(crate) const ATTEMPTS_MAX: usize = 16_384;

/// What administrators have done that is kept, some 100 bytes each.
pub(crate) const AUDIT_MAX: usize = 10_000;

/// People of one name whom an administrator's order is about: guests may have the same.
pub(crate) const NAMESAKES_MAX: usize = 100;

/// Minutes for which somebody can be told to be silent: a year.
pub(crate) const MUTE_MINUTES_MAX: u64 = 366 * 24 * 60;

/// Days for which an invitation holds at the longest: what is to be for ever is an account.
pub(crate) const INVITATION_DAYS_MAX: u64 = 365;

/// Days for which one holds of which nobody has said it: a link that was sent is used within a week.
pub(crate) const INVITATION_DAYS: u64 = 7;

/// People whom one invitation lets in at the most: a large school. A link that has got about is ended by that.
pub(crate) const INVITATION_USES_MAX: u64 = 1_000;

/// People whom one lets in of which nobody has said it: a class, or a team.
pub(crate) const INVITATION_USES: u64 = 20;

/// Invitations that hold at one time: more than anybody looks through in a list.
pub(crate) const INVITATIONS_MAX: usize = 100;

pub(crate) const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// Bytes of a request's `id` and of the `client` key: a UUID with a prefix fits. Both are stored with the message.
pub(crate) const ID_BYTES_MAX: usize = 64;

/// Bytes of one WebSocket message in either direction; a longer one from a client closes its connection with 1009. The
/// longest legal text with every byte escaped is 96 KB; the rest is for the server's own longest answer (the
/// list of all rooms), and lets somebody who pastes a book be told so by an `error` and keep the connection.
pub(crate) const FRAME_BYTES_MAX: usize = 512 * 1024;

/// Messages in one answer to `join` or `history`: a screen or two.
pub(crate) const PAGE_MESSAGES_MAX: usize = 50;

/// Bytes of JSON for the messages that somebody is shown who is not connected yet: what a connection which has just carried the page
/// sends in one round trip.
pub(crate) const ARRIVAL_BYTES_MAX: usize = 48 * 1024;

/// Bytes of JSON for the messages of one answer. A page of the longest messages would be 1.2 MB; it is cut here, and
/// `more` says so.
pub(crate) const PAGE_BYTES_MAX: usize = 192 * 1024;

/// Bytes of an emoji: the longest families and flags have some forty.
pub(crate) const EMOJI_BYTES_MAX: usize = 64;

/// Different emoji under one message: two lines of a phone's screen.
pub(crate) const EMOJI_PER_MESSAGE_MAX: usize = 20;

/// Reactions to one message in all, each a row of the database: everybody of the largest room, and more than once.
pub(crate) const REACTIONS_PER_MESSAGE_MAX: u64 = 20_000;

/// People who are named of those who have put an emoji under a message; the others are counted.
pub(crate) const REACTION_NAMES_MAX: usize = 20;

/// Characters, and bytes, of what an answer shows of the message that it answers: a line.
pub(crate) const QUOTE_CHARS_MAX: usize = 120;
/// See [`QUOTE_CHARS_MAX`].
pub(crate) const QUOTE_BYTES_MAX: usize = 4 * QUOTE_CHARS_MAX;

/// Bytes of a message's HTML. Texts of thousands of marks would be longer; they are shown as they were typed.
pub(crate) const HTML_BYTES_MAX: usize = 40 * 1024;

/// Elements inside each other in a message's HTML: deeper quotes and lists nobody can read.
pub(crate) const MARKDOWN_DEPTH_MAX: usize = 8;

/// Messages that `resume` returns for one room; whoever missed more is given the last page.
pub(crate) const RESUME_MESSAGES_MAX: usize = 500;

/// Changed messages that `resume` returns for one room; whoever missed more is given the last page.
pub(crate) const RESUME_CHANGES_MAX: usize = 500;

/// Bytes of JSON for what was missed in one room, messages and changes together; whoever missed more is given the last page.
pub(crate) const RESUME_ROOM_BYTES_MAX: usize = 384 * 1024;

/// Bytes of JSON for the messages of one `resume` over all its rooms, so that resuming never fills the queue of the
/// client that resumes. Rooms that come after it is spent are answered without messages.
pub(crate) const RESUME_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that may wait for one slow reader before its connection is closed. It then comes back and resumes: nothing
/// is lost by closing, and much memory by waiting.
pub(crate) const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Public rooms in all. Every `welcome` lists them all: 1,000 make some 100 KB.
pub(crate) const ROOMS_MAX: usize = 1_000;

/// Private rooms and direct conversations in all, some 300 bytes each in the memory of the hub.
pub(crate) const PRIVATE_ROOMS_MAX: usize = 20_000;

/// Private rooms that one person is a member of: each makes the list of rooms in every `welcome` longer.
pub(crate) const PRIVATE_ROOMS_PER_PERSON_MAX: usize = 500;

/// Private rooms that others have put one person into and that they have not looked at: nobody fills somebody's list behind their back.
pub(crate) const INVITATIONS_UNOPENED_MAX: usize = 50;

/// Milliseconds after which a direct conversation without any message is forgotten: somebody may still think about the first one.
pub(crate) const SILENT_DIRECT_KEPT_MS: u64 = 7 * DAY_MS;

/// Milliseconds for which the hub must have seen a room empty before it is forgotten: no request from before comes again by then.
pub(crate) const ROOM_EMPTY_MS: u64 = 60_000;

/// Milliseconds between two times at which all rooms are looked at for those that are empty.
pub(crate) const ROOMS_LOOKED_AT_EVERY_MS: u64 = 3_600_000;

/// Rooms that are looked at at one time: a millisecond or two.
pub(crate) const ROOMS_LOOKED_AT_MAX: usize = 500;

/// Messages of a forgotten room that are removed at one time, some ten milliseconds; of their texts [`INDEX_BYTES_MAX`] bytes.
pub(crate) const FORGOTTEN_MESSAGES_MAX: usize = 100;

/// Direct conversations of one person that are listed, those that were used last.
pub(crate) const DIRECT_LISTED_MAX: usize = 1_000;

/// People of one direct conversation; more need a room.
pub(crate) const DIRECT_PEOPLE_MAX: usize = 9;

/// Members of a private room: events that are not the same for all are made for each of them.
pub(crate) const PRIVATE_MEMBERS_MAX: usize = 500;

/// Bytes of JSON of the rooms in one frame; what is left of a longer list comes as events after it.
pub(crate) const ROOMS_BYTES_MAX: usize = 400 * 1024;

/// Bytes of JSON of a whole list of rooms; beyond it the newest public rooms are left out. Only a server whose rooms all have titles and
/// topics of the greatest length comes near it.
pub(crate) const ROOMS_LISTED_BYTES_MAX: usize = 1024 * 1024;

/// People whom one message mentions.
pub(crate) const MENTIONS_MAX: usize = 50;

/// Places of a text that are examined for a mention; a text may be nothing but `@`.
pub(crate) const MENTION_PLACES_MAX: usize = 2 * MENTIONS_MAX;

/// Places of a text at which names of a large room are looked up in the database, some thirty each.
pub(crate) const MENTION_LOOKUPS_MAX: usize = 20;

/// Members of a room whose names are all compared with what stands behind an `@`; of a larger room those who have a connection,
/// and those whose name is written exactly so.
pub(crate) const MENTIONABLE_MAX: usize = 1_000;

/// Mentions that are counted, here and by clients: nobody reads a larger number, and they are counted for each connection that is told
/// of a message.
pub(crate) const MENTIONS_COUNTED_MAX: usize = 100;

/// Milliseconds between two notices that somebody writes; what comes in between is dropped.
pub(crate) const TYPING_EVERY_MS: u64 = 2_000;

/// Rooms that one connection is in at a time.
pub(crate) const ROOMS_PER_CONNECTION_MAX: usize = 50;

/// Bytes of what the server keeps with a connection. The longest session has some 600 bytes; a newer build may need more.
pub(crate) const SESSION_BYTES_MAX: usize = 1024;

/// Groups of the library that one connection is in: its rooms, one for what goes to everybody, and some that it has
/// just left: the library counts those until the reactor has carried that out.
pub(crate) const GROUPS_PER_CONNECTION_MAX: usize = ROOMS_PER_CONNECTION_MAX + 1 + 16;

/// Names in one list of members, and bytes of their JSON; `member_count` beside the list is always the whole number.
pub(crate) const MEMBERS_LISTED_MAX: usize = 500;
/// See [`MEMBERS_LISTED_MAX`].
pub(crate) const MEMBERS_BYTES_MAX: usize = 16 * 1024;

/// Bytes of JSON of the people in one answer, who are the members with what they are doing.
pub(crate) const PEOPLE_BYTES_MAX: usize = 64 * 1024;

/// Members up to which a room is told who comes and goes, and connections up to which all are told who has come, or of a message in a
/// room that they are not in. Each notice goes to every member, so that n people who
/// arrive cost n² frames; beyond this size nobody reads them, and `who` tells the number.
pub(crate) const NOTICE_MEMBERS_MAX: usize = 1_000;

/// People who are told whether somebody is there: those with whom that one has talked last. The others see it when they come anew.
pub(crate) const PRESENCE_PEOPLE_MAX: usize = 1_000;

/// Bytes of requests that one worker may have on their way to the hub: some 4,000 ordinary ones.
pub(crate) const HUB_QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// Milliseconds that a request waits for its place among them before it is answered with `busy`. A connection whose
/// request waits is not read from, so a flood is slowed down by TCP and waits in its turn.
pub(crate) const REQUEST_WAIT_MS_MAX: u64 = 5_000;

/// Milliseconds that a hub waits for one of a server that is gone to be gone, too.
pub(crate) const PREDECESSOR_WAIT_MS_MAX: u64 = 10_000;

/// Bytes of the memory through which a process and a reactor reach each other, in each direction.
pub(crate) const RING_BYTES: usize = 256 * 1024;

/// Bytes of commands that the hub sends before it is sure that the reactors have taken them: half of what there is room
/// for. The other half is for acknowledgements.
pub(crate) const UNCONFIRMED_BYTES_MAX: usize = RING_BYTES / 2;

/// Milliseconds after which requests that a dead hub had in hand do not come again: they are on their way as soon as
/// there is another one.
pub(crate) const REPEATS_WITHIN_MS_MAX: u64 = 10_000;

/// Requests of hubs that have died that are remembered until then: those of some batches.
pub(crate) const REPEATS_MAX: usize = 4 * BATCH_REQUESTS_MAX;

/// How often a request is begun together with others. If a hub dies each time it may be the cause, and comes alone.
pub(crate) const REQUEST_ATTEMPTS_TOGETHER_MAX: u32 = 2;

/// How often a request is begun. One that has ended so many hubs, or was in hand each time, is refused.
pub(crate) const REQUEST_ATTEMPTS_MAX: u32 = 6;

/// Requests that share one transaction: enough to spread the cost of a commit, few enough that the first of them
/// does not wait long for the last.
pub(crate) const BATCH_REQUESTS_MAX: usize = 512;

/// Bytes of answers that wait for one commit: a batch of many long ones is split.
pub(crate) const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reads of older history that wait for a worker's reader thread; more are answered with `busy`.
pub(crate) const READS_QUEUED_MAX: usize = 512;

/// Characters of what is searched for, and bytes of it: some sentences.
pub(crate) const SEARCH_CHARS_MAX: usize = 200;
/// See [`SEARCH_CHARS_MAX`].
pub(crate) const SEARCH_BYTES_MAX: usize = 4 * SEARCH_CHARS_MAX;

/// Words, and characters of scripts without spaces, that are searched for at once: each is a walk of its own through the index.
pub(crate) const SEARCH_PIECES_MAX: usize = 64;

/// Characters of a word that are indexed. A longer one (an address, a key, pasted rubbish) is found by its beginning, and then compared
/// as a whole.
pub(crate) const SEARCH_WORD_CHARS_MAX: usize = 32;

/// Words and single characters of a message that are indexed: the first ones. Each is one or two terms, or some more if it is a long
/// word, and they are written by the hub, for which everybody waits. 4,000 characters of English have some 700 words.
pub(crate) const INDEXED_PIECES_MAX: usize = 1_000;

/// Messages older than the index, and bytes of their texts, that the hub puts into it at one time. That takes some ten milliseconds,
/// for which a batch may have to wait.
pub(crate) const INDEX_MESSAGES_MAX: usize = 500;
/// See [`INDEX_MESSAGES_MAX`].
pub(crate) const INDEX_BYTES_MAX: usize = 64 * 1024;

/// After each such time the hub does nothing but its other work for this many times as long.
pub(crate) const INDEX_PAUSES: u32 = 3;

/// Private rooms and conversations of one person that are searched, those that were used last: all that are listed.
pub(crate) const PRIVATE_ROOMS_SEARCHED_MAX: usize = PRIVATE_ROOMS_PER_PERSON_MAX + DIRECT_LISTED_MAX;

/// Rows of messages that a search gives to the index at a time, the newest first. It looks at the clock in between, because it cannot be
/// interrupted while it is within the index.
pub(crate) const SEARCH_ROWS: i64 = 1 << 16;
/// The number doubles each time, up to this one, which takes some tens of milliseconds.
pub(crate) const SEARCH_ROWS_MAX: i64 = 1 << 19;

/// Hits in an answer whose request does not say how many.
pub(crate) const SEARCH_HITS: usize = 20;

/// Characters, and bytes, of the excerpt that is shown of a hit: two lines.
pub(crate) const CONTEXT_CHARS_MAX: usize = 160;
/// See [`CONTEXT_CHARS_MAX`].
pub(crate) const CONTEXT_BYTES_MAX: usize = 4 * CONTEXT_CHARS_MAX;

/// How many of them come before the first match.
pub(crate) const CONTEXT_BEFORE_CHARS: usize = 40;

/// Milliseconds that a search may take. It then ends with what it has found.
pub(crate) const SEARCH_MS_MAX: u64 = 1_000;

/// Milliseconds after which a client that searches right after its welcome has to ask again: by then its worker knows that it has
/// connected.
pub(crate) const CONNECT_KNOWN_WITHIN_MS: u64 = 50;

/// Searches that wait for a worker's search thread: the last one waits for some seconds. More are answered with `busy`.
pub(crate) const SEARCHES_QUEUED_MAX: usize = 8;

/// Milliseconds that the hub waits for a reactor that has more commands queued than it takes; after it what was to be
/// sent is lost to those who should have received it, and the log says so.
pub(crate) const REACTOR_WAIT_MS_MAX: u64 = 10_000;

/// Bytes of an order to a running server (`switchboard-chat status` and its like), and of the answer: a status of some
/// hundred processes has 40 KB.
pub(crate) const ORDER_BYTES_MAX: usize = 32;
/// See [`ORDER_BYTES_MAX`].
pub(crate) const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Orders that a server deals with at one time; the others wait.
pub(crate) const ORDERS_MAX: usize = 8;

/// People whose arrivals a worker counts at one time, some 50 bytes each; those who have not come for some seconds are not counted.
pub(crate) const ARRIVALS_COUNTED_MAX: usize = 16_384;

/// Addresses whose requests are counted at one time, some 100 bytes each. Of more the connections are still counted.
pub(crate) const ADDRESSES_MAX: usize = 16_384;

/// How often requests may be made: of each connection so many at once and then at a steady pace, and of all connections of one
/// address together more, for a school or an office has one address. `--rate-limits` multiplies them.
pub(crate) mod pace {
    use crate::bucket::Rate;

    /// A lively person writes one message in a second; a page that comes back sends what it has kept.
    pub(crate) const MESSAGES: Rate = Rate::per_second(5, 40);
    pub(crate) const MESSAGES_OF_ADDRESS: Rate = Rate::per_second(100, 1_000);

    /// Milliseconds for which a connection's messages are all refused once one was: longer than those take that are on their
    /// way, so that a client that sends them again keeps their order.
    pub(crate) const SILENCE_MS: u64 = 1_000;

    /// Edited and deleted messages: somebody who cleans up deletes some dozens.
    pub(crate) const CHANGES: Rate = Rate::per_second(2, 40);
    pub(crate) const CHANGES_OF_ADDRESS: Rate = Rate::per_second(50, 500);

    /// Reactions, taken away again or not; small frames, but to everybody in the room.
    pub(crate) const REACTIONS: Rate = Rate::per_second(4, 40);
    pub(crate) const REACTIONS_OF_ADDRESS: Rate = Rate::per_second(100, 1_000);

    /// Everybody who is there is told of each `connect`. The first one of a connection counts, too.
    pub(crate) const NAMES: Rate = Rate::every_seconds(5, 6);
    /// When a server has been restarted, a whole office comes back at once.
    pub(crate) const NAMES_OF_ADDRESS: Rate = Rate::per_second(20, 500);

    /// Rooms that are entered or left. A page that begins enters all its rooms.
    pub(crate) const JOINS: Rate = Rate::per_second(5, 200);
    pub(crate) const JOINS_OF_ADDRESS: Rate = Rate::per_second(200, 5_000);

    /// Rooms stay for ever, and there are [`ROOMS_MAX`](super::ROOMS_MAX) of them.
    pub(crate) const ROOMS: Rate = Rate::every_seconds(30, 5);
    pub(crate) const ROOMS_OF_ADDRESS: Rate = Rate::every_seconds(20, 30);

    /// Conversations with somebody that are opened; those that are there already count, too.
    pub(crate) const DIRECTS: Rate = Rate::every_seconds(5, 40);
    pub(crate) const DIRECTS_OF_ADDRESS: Rate = Rate::per_second(2, 400);

    /// Those among them that have not been there: they stay for ever, and there are
    /// [`PRIVATE_ROOMS_MAX`](super::PRIVATE_ROOMS_MAX) of them.
    pub(crate) const BEGINNINGS: Rate = Rate::every_seconds(10, 20);
    pub(crate) const BEGINNINGS_OF_ADDRESS: Rate = Rate::every_seconds(5, 200);

    /// What is done to a room: who is in it, how it is called. All who may see it are told.
    pub(crate) const ARRANGEMENTS: Rate = Rate::every_seconds(2, 40);
    pub(crate) const ARRANGEMENTS_OF_ADDRESS: Rate = Rate::per_second(10, 500);

    /// Invitations of people who have not looked at another one yet. Other invitations count as arrangements alone.
    pub(crate) const INVITATIONS: Rate = Rate::every_seconds(180, 20);
    pub(crate) const INVITATIONS_OF_ADDRESS: Rate = Rate::every_seconds(18, 200);

    /// Positions up to which a room was read: a page that is scrolled through, and one that reads a hundred rooms.
    pub(crate) const READS: Rate = Rate::per_second(5, 200);
    pub(crate) const READS_OF_ADDRESS: Rate = Rate::per_second(200, 5_000);

    /// Notices that somebody types; what is more is dropped, and so is what follows another one within
    /// [`TYPING_EVERY_MS`](super::TYPING_EVERY_MS).
    pub(crate) const TYPING: Rate = Rate::per_second(2, 10);
    pub(crate) const TYPING_OF_ADDRESS: Rate = Rate::per_second(50, 500);

    /// Those in one's rooms are told of each: a page that is looked at, and not, and looked at.
    pub(crate) const AWAYS: Rate = Rate::every_seconds(3, 20);
    pub(crate) const AWAYS_OF_ADDRESS: Rate = Rate::per_second(10, 500);

    /// Lists of all rooms, of up to [`ROOMS_LISTED_BYTES_MAX`](super::ROOMS_LISTED_BYTES_MAX). Every `welcome` has one, so clients
    /// rarely ask.
    pub(crate) const LISTS: Rate = Rate::every_seconds(2, 20);
    pub(crate) const LISTS_OF_ADDRESS: Rate = Rate::per_second(5, 200);

    /// `who`, `members`: answers of up to 100 KB.
    pub(crate) const LOOKS: Rate = Rate::per_second(5, 100);

    /// Pages of history: somebody who scrolls fast sees five in a second.
    pub(crate) const HISTORY: Rate = Rate::per_second(10, 100);

    /// Searches: somebody who types, and lets the page search meanwhile.
    pub(crate) const SEARCHES: Rate = Rate::per_second(2, 20);
    pub(crate) const SEARCHES_OF_ADDRESS: Rate = Rate::per_second(20, 200);

    /// Passwords that are tried for one account from one address: somebody who has forgotten it tries the few that it can be.
    pub(crate) const SIGN_INS: Rate = Rate::every_seconds(30, 5);
    /// From all addresses: 9,000 in a day are too few to guess any password that is not the first of a list.
    pub(crate) const SIGN_INS_OF_ACCOUNT: Rate = Rate::every_seconds(10, 50);
    /// For all accounts: an office that comes in the morning.
    pub(crate) const SIGN_INS_OF_ADDRESS: Rate = Rate::every_seconds(5, 50);
    /// Guests who come anew; those who come back by their cookie do not count.
    pub(crate) const GUESTS_OF_ADDRESS: Rate = Rate::per_second(2, 200);

    /// Frames that are answered by what is wrong with them. People make some such mistakes, programs with a defect many.
    pub(crate) const UNREADABLE: Rate = Rate::per_second(5, 50);
}

/// A name in JSON: one character of each that people count may be one that is escaped.
const NAME_JSON_BYTES_MAX: usize = NAME_BYTES_MAX + NAME_CHARS_MAX + 3;
/// A message in JSON: text, HTML and quote with every character escaped (two bytes; control characters, which have six, are left
/// out), the people of its reactions, and its other keys.
const MESSAGE_JSON_BYTES_MAX: usize = (TEXT_BYTES_MAX + HTML_BYTES_MAX + 2 * QUOTE_BYTES_MAX) * 2
    + EMOJI_PER_MESSAGE_MAX * (EMOJI_BYTES_MAX + REACTION_NAMES_MAX * NAME_JSON_BYTES_MAX + 64)
    + 4 * ROOM_BYTES_MAX
    + 20 * MENTIONS_MAX
    + 2048;
/// A room in a list: key, title and topic, in which every character may begin with one that is escaped, people, and the other keys.
const ROOM_JSON_BYTES_MAX: usize = 2 * (ROOM_BYTES_MAX + ROOM_CHARS_MAX)
    + TOPIC_BYTES_MAX
    + TOPIC_CHARS_MAX
    + DIRECT_PEOPLE_MAX * (NAME_JSON_BYTES_MAX + 80)
    + 320;

/// A request on its way to the hub: the text, or the rooms of a `resume`, and the session.
const REQUEST_BYTES_MAX: usize =
    TEXT_BYTES_MAX + ROOMS_PER_CONNECTION_MAX * (u8::MAX as usize + 24) + SESSION_BYTES_MAX + 1024;
const _: () = assert!(TEXT_BYTES_MAX <= u16::MAX as usize && NAME_BYTES_MAX <= u8::MAX as usize);
const _: () = assert!(REQUEST_BYTES_MAX <= HUB_QUEUE_BYTES_MAX / 16);

// The longest legal text, every byte of it escaped (6 bytes), must fit a frame …
const _: () = assert!(TEXT_BYTES_MAX * 6 + 1024 <= FRAME_BYTES_MAX);
// … and so must the server's longest answers.
const _: () = assert!(ROOMS_BYTES_MAX + ROOM_JSON_BYTES_MAX + 2048 <= FRAME_BYTES_MAX);
const _: () = assert!(ROOMS_LISTED_BYTES_MAX <= OUTPUT_BYTES_MAX / 4);
const _: () = assert!(RESUME_ROOM_BYTES_MAX + MEMBERS_BYTES_MAX + 2048 <= FRAME_BYTES_MAX);
const _: () = assert!(PAGE_BYTES_MAX + MEMBERS_BYTES_MAX + PEOPLE_BYTES_MAX + 2048 <= FRAME_BYTES_MAX);
const _: () = assert!(PAGE_BYTES_MAX <= RESUME_ROOM_BYTES_MAX && MESSAGE_JSON_BYTES_MAX <= PAGE_BYTES_MAX);
// A resume of as many rooms as possible must fit the output queue, with room for what else happens.
const _: () =
    assert!(RESUME_BYTES_MAX + ROOMS_PER_CONNECTION_MAX * (MEMBERS_BYTES_MAX + 1024) <= OUTPUT_BYTES_MAX / 2);
// Members are counted no further than that.
const _: () = assert!(PRIVATE_MEMBERS_MAX <= MENTIONABLE_MAX);
