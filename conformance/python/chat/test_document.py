"""Whoever writes a client needs docs/protocol.md and nothing else: everything here is said as its examples say it."""

import json
import re
import subprocess
import sys
import urllib.parse

import pytest
from websockets.sync.client import connect

from deadline import DEADLINE_S
from example_server import REPOSITORY

from .document import resembles
from .person import ask_http


def test_the_smallest_protocol_is_as_its_table_says(chat, document):
    table = document.section("The smallest protocol")
    rows = re.findall(r"^\| `(\{.*?\})` \| `(\{.*?\})`", table, re.M)
    assert len(rows) == 2
    with connect(chat.uri, proxy=None) as plain:
        for said, heard in rows:
            plain.send(said)
            expected, frame = json.loads(heard), json.loads(plain.recv(DEADLINE_S))
            assert list(frame) == list(expected), "the same keys in the same order"
            for key in ("type", "data", "from"):
                assert frame[key] == expected[key]
        plain.send('{"type":"message","text":""}')
        refused = re.search(r"`(\{\"type\":\"error\".*?\})` to you alone", table)
        assert json.loads(plain.recv(DEADLINE_S)) == json.loads(refused[1])


def test_the_client_in_ten_lines_runs(chat, document):
    code = re.search(r"```python\n(.*?)```", document.section("The smallest protocol"), re.S)[1]
    host, port = chat.address
    program = code.replace("ws://127.0.0.1:9502/", f"ws://{host}:{port}/")
    assert program != code
    # It prints for ever; what it prints first is enough.
    with subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True) as client:
        assert [client.stdout.readline() for _ in range(2)] == ["Welcome Ann to join us\n", "hi\n"]
        client.kill()


def test_rooms_are_listed_made_entered_and_left(person):
    ann, bob = person("Ann"), person("李雷", rooms=())
    created = ann.follow("create", "create", "created")
    assert created["room"] == "tea-time-茶"
    bob.notice("create", "room")
    assert ann.ask({"type": "create", "room": "TEA TIME 茶"})["code"] == "room_exists"
    joined = bob.follow("join", "join", "joined")
    assert joined["members"] == ["Ann", "李雷"]
    ann.notice("Presence", "join")
    rooms = bob.follow("rooms", "rooms", "rooms")["rooms"]
    assert [room["room"] for room in rooms] == ["lobby", "tea-time-茶"]
    bob.follow("who", "who", "who")
    bob.follow("leave", "leave", "left")
    ann.notice("Presence", "leave")
    assert bob.ask({"type": "message", "room": "lobby", "text": "hi"})["code"] == "not_joined"


def test_messages_are_acknowledged_by_their_own_copy_and_known_again(person, document):
    ann, bob = person("Ann"), person("Bob")
    own = ann.ask(document.example("message", "message"))
    heard = bob.notice("message", "message", 1)
    assert {**heard, "id": own["id"]} == own
    ann.say(document.example("message", "message"))
    first = ann.hear(lambda frame: frame.get("id") == "c1-17")
    ann.say(document.example("message", "message"))
    assert ann.hear(lambda frame: frame.get("id") == "c1-17") == first, "sent again, it is the same"
    answer = ann.ask({**document.example("message", "message"), "reply_to": first["seq"]})
    assert set(answer["reply"]) == {"seq", "from", "data", "deleted"}


def test_history_is_read_in_pages_and_a_gap_is_filled(person):
    ann, bob = person("Ann"), person("Bob")
    for n in range(60):
        ann.ask({"type": "message", "room": "lobby", "text": f"text {n}"})
    page = bob.follow("history", "history", "history", before=61)
    assert [message["seq"] for message in page["messages"]] == list(range(11, 61)) and page["more"]
    late = person("Late", rooms=())
    missed = late.follow("resume", "resume", "resumed", rooms={"lobby": {"seq": 41, "change": 0}})
    assert missed["complete"] and [message["seq"] for message in missed["messages"]] == list(range(42, 61))
    assert missed["changes"] == []
    nothing = late.follow("resume", "resume", "resumed", rooms={"lobby": 1_000})
    assert not nothing["complete"] and nothing["more"] and len(nothing["messages"]) == 50


def test_messages_are_found_again(person, document):
    lei, ann = person("李雷"), person("Ann", rooms=())
    for text in ("Yesterday we had 茶 and cake", "yesterday, 茶", "today, 茶"):
        lei.ask({"type": "message", "room": "lobby", "text": text})
    ever = {"after": 0, "before": 2**53}
    page = ann.follow("search", "search", "found", limit=1, **ever)
    assert [hit["seq"] for hit in page["hits"]] == [2] and page["more"]
    rest = ann.ask({**document.example("search", "search"), **ever, "cursor": page["cursor"]})
    assert [hit["context"] for hit in rest["hits"]] == [document.example("search", "found")["hits"][0]["context"]]
    assert not rest["more"] and "cursor" not in rest
    around = ann.follow("history", "history", "history", 2, at=page["hits"][0]["ts"])
    assert around["seq"] <= 2 and ann.ask({"type": "history", "room": "lobby", "after": 2})["newer"] is False


def test_what_happens_to_messages_is_told_and_numbered(person, document):
    ann, bob = person("Ann"), person("Bob")
    seq = ann.ask({"type": "message", "room": "lobby", "text": "shall we say seven?"})["seq"]
    edited = ann.follow("edit", "edit", "changed", seq=seq)
    assert edited["message"]["html"] == document.example("edit", "changed")["message"]["html"]
    assert edited["message"]["quote"] == document.example("edit", "changed")["message"]["quote"]
    bob.notice("edit", "changed")
    reaction = bob.follow("react", "react", "reaction", seq=seq)
    ann.notice("react", "reaction")
    assert (edited["change"], reaction["change"]) == (1, 2)
    assert bob.ask({**document.example("edit", "edit"), "seq": seq})["code"] == "not_yours"
    ann.follow("delete", "delete", "changed", seq=seq)
    bob.notice("delete", "changed")
    assert ann.ask({**document.example("edit", "edit"), "seq": seq})["code"] == "no_such_message"


def test_who_is_away_is_seen(person):
    ann, bob = person("Ann"), person("Bob")
    assert ann.follow("away", "away", "away")["away"] is True
    assert bob.notice("away", "presence")["presence"] == "away"


def test_people_come_with_sessions_and_get_accounts(chat, document):
    table = document.section("People")
    status, body, cookie = ask_http(chat, "POST", "/session", {"name": "Ann"})
    assert status == 200 and set(body["person"]) == {"id", "name", "guest", "role"}
    assert body["person"]["role"] == "guest" and cookie.startswith("switchboard_session=")
    assert ask_http(chat, "GET", "/session", cookie=cookie)[1] == body
    status, body, second = ask_http(chat, "POST", "/account", {"password": "correct horse"}, cookie)
    assert (status, body["person"]["role"]) == (200, "admin") and second not in (None, cookie)
    assert ask_http(chat, "POST", "/session", {"name": "Ann", "password": "wrong horse"})[0] == 401
    status, body, _ = ask_http(chat, "POST", "/session", {"name": "Ann", "password": "correct horse"})
    assert status == 200
    own = body["person"]
    elsewhere = ask_http(chat, "POST", "/session", {"name": "Ann", "password": "correct horse"})[2]
    example = next(value for value in document.examples("People") if "sessions" in value)
    sessions = ask_http(chat, "GET", "/sessions", cookie=second)[1]["sessions"]
    assert len(sessions) == 3 and all(set(session) == set(example["sessions"][0]) for session in sessions)
    current = next(session["number"] for session in sessions if session["current"])
    assert ask_http(chat, "DELETE", f"/sessions/{current}", cookie=elsewhere)[1] == {"person": own}
    status, body, _ = ask_http(chat, "DELETE", f"/sessions/{current}", cookie=elsewhere)
    assert (status, body["code"]) == (404, "no_such_session") and body["code"] in document.codes("Errors")
    for method, path in (("DELETE", "/sessions"), ("GET", "/session")):
        assert ask_http(chat, method, path, cookie=second)[1] == {"person": None}
    for method, path in re.findall(r"^\| `(GET|POST|DELETE) (/\w+)`", table, re.M):
        assert path in ("/session", "/sessions", "/account"), f"{method} {path} is not tried here"


def test_the_end_of_a_room_comes_with_who_one_is_and_is_gone_on_from(chat, document, person):
    cookie = ask_http(chat, "POST", "/session", {"name": "Ann"})[2]
    ann = person("Ann", rooms=(), cookie=cookie)
    room = ann.follow("create", "create", "created")["room"]
    for text in ("hi", "there"):
        ann.ask({"type": "join", "room": room})
        ann.ask({"type": "message", "room": room, "text": text})
    path = "/session?room=" + urllib.parse.quote(room)
    assert path in document.section("The end of a room")
    (example,) = (value for value in document.examples("The end of a room") if "person" in value)
    status, body, _ = ask_http(chat, "GET", path, cookie=cookie)
    assert status == 200
    resembles(body, example)
    end = body["room"]
    assert [message["data"] for message in end["messages"]] == ["hi", "there"] and "members" not in end
    resumed = ann.ask({"type": "resume", "rooms": {room: {"seq": end["seq"], "change": end["change"]}}})
    assert resumed["complete"] and resumed["messages"] == []
    assert "room" not in ask_http(chat, "GET", "/session?room=nowhere", cookie=cookie)[1]
    assert ask_http(chat, "GET", path)[1] == {"person": None}
    assert ask_http(chat, "GET", "/session?room=%ff", cookie=cookie)[0] == 400


def test_administrators_keep_order_as_the_table_says(document, person):
    ann, bob = person("Ann", password="correct horse"), person("Bob")
    assert bob.ask({"type": "mute", "name": "Ann", "minutes": 10})["code"] == "not_allowed"
    sections = ("Keeping order", "Another name for somebody", "Invitations")
    answers = [frame for section in sections for frame in document.examples(section)]
    for request in document.requests_in_tables("Keeping order"):
        if request["type"] == "delete":
            request["seq"] = person("Cy").ask({"type": "message", "room": "lobby", "text": "hm"})["seq"]
        answer = ann.ask(request)
        assert answer["type"] in ("moderated", "guests", "changed", "invitation", "invitations", "revoked"), answer
        if answer["type"] == "moderated":
            assert answer["act"] == request["type"].removesuffix("_person")
        if answer["type"] != "changed":
            keys = {key for frame in answers if frame["type"] == answer["type"] for key in frame}
            assert set(answer) <= keys, answer


def test_who_is_invited_comes_in_where_guests_may_not(chat, document, person):
    ann = person("Ann", password="correct horse")
    ann.ask({"type": "guests", "allowed": False})
    status, body, _ = ask_http(chat, "POST", "/session", {"name": "Bob"})
    assert (status, body["code"]) == (403, "guests_closed")
    made = ann.follow("Invitations", "invitation", "invitation")
    for invitation, expected in (("ab" * 32, 403), (made["invitation"], 200)):
        status, body, _ = ask_http(chat, "POST", "/session", {"name": "Bob", "invitation": invitation})
        assert status == expected, body
    assert body["person"]["role"] == "guest"
    listed = ann.follow("Invitations", "invitations", "invitations")["invitations"]
    assert [(one["number"], one["uses"]) for one in listed] == [(made["number"], made["uses"] - 1)]
    ann.ask({"type": "revoke", "number": made["number"]})
    status, body, _ = ask_http(chat, "POST", "/session", {"name": "Cy", "invitation": made["invitation"]})
    assert (status, body["code"]) == (403, "bad_invitation") and body["code"] in document.codes("Errors")


# What goes wrong, and the code by which a client knows it.
MISTAKES = [
    ("hello", "bad_json"), ("[]", "bad_json"), ("{}", "no_type"), ('{"type":"dance"}', "unknown_type"),
    ('{"type":"message","room":"lobby"}', "bad_value"), ('{"type":"message","room":"lobby","text":" "}', "empty_text"),
    (json.dumps({"type": "message", "text": "x" * 4_001}), "text_too_long"),
    (json.dumps({"type": "connect", "text": "a\u202eb"}), "bad_name"),
    (json.dumps({"type": "connect", "text": "x" * 33}), "name_too_long"),
    ('{"type":"create","room":""}', "bad_room"), ('{"type":"create","room":"Lobby"}', "room_exists"),
    ('{"type":"join","room":"nowhere"}', "no_such_room"),
    ('{"type":"delete","room":"lobby","seq":99}', "no_such_message"),
    ('{"type":"mute","name":"Ann","minutes":1}', "not_allowed"),
]


@pytest.mark.parametrize("frame, code", MISTAKES, ids=[code for _, code in MISTAKES])
def test_a_mistake_is_answered_by_a_code_of_the_table(person, document, frame, code):
    ann = person("Ann")
    ann.say_text(frame)
    error = ann.hear_type("error")
    assert error["code"] == code and code in document.codes("Errors")
    assert error["data"].endswith(".")


def test_every_code_of_the_program_is_in_the_document(document):
    source = (REPOSITORY / "chat/src/protocol/error.rs").read_text("utf-8")
    codes = set(re.findall(r'Self::\w+ => "([a-z_]+)"', source))
    assert len(codes) > 20 and codes <= document.codes("Errors")
    source = (REPOSITORY / "chat/src/close.rs").read_text("utf-8")
    closes = set(re.findall(r"Self::\w+ => (\d{4})", source))
    assert closes and closes <= document.codes("When the connection ends")
