"""Conversations as the examples of docs/protocol.md have them."""

from .document import resembles


def number_of(person):
    """The person's own, as their welcome said it."""
    return person.welcome["person"]["id"]


def test_a_private_room_is_its_members_alone(person):
    ann, lilei, eve = person("Ann"), person("李雷"), person("Eve")
    created = ann.follow("Private rooms", "create", "created")
    key = created["room"]
    assert key.startswith("P") and len(key) == 17
    ann.follow("join", "join", "joined", room=key)
    invited = ann.follow("Private rooms", "invite", "invited", room=key, person=number_of(lilei))
    assert invited["person"]["name"] == "李雷"
    ann.notice("Private rooms", "membership")
    told = lilei.hear(lambda frame: frame["type"] == "room" and frame["room"] == key)
    assert told["by"] == "Ann" and told["kind"] == "private" and told["joined"] is False
    lilei.follow("join", "join", "joined", room=key)
    for asked in ({"type": "join", "room": key}, {"type": "history", "room": key},
                  {"type": "message", "room": key, "text": "hi"}, {"type": "members", "room": key}):
        assert eve.ask(asked)["code"] == "no_such_room"
    members = ann.follow("members", "members", "members", room=key)
    assert [one["name"] for one in members["people"]] == ["Ann", "李雷"]
    ann.follow("Private rooms", "remove", "removed", room=key, person=number_of(lilei))
    lilei.notice("Private rooms", "gone")
    assert lilei.ask({"type": "history", "room": key})["code"] == "no_such_room"


def test_the_same_people_are_always_the_same_conversation(person):
    ann, lilei, cy = person("Ann"), person("李雷"), person("Cy")
    room = ann.follow("direct", "direct", "direct", further=1, people=[number_of(lilei), number_of(cy)])["room"]
    again = cy.ask({"type": "direct", "people": [number_of(lilei), number_of(ann)]})["room"]
    assert room["room"] == again["room"] == "D" + "-".join(map(str, sorted(map(number_of, (ann, lilei, cy)))))
    assert {one["name"] for one in room["people"]} == {"Ann", "李雷", "Cy"}
    pair = ann.ask({"type": "direct", "names": ["李雷"]})["room"]["room"]
    ann.ask({"type": "join", "room": pair})
    ann.ask({"type": "message", "room": pair, "text": "shall we say seven?"})
    begun = lilei.hear(lambda frame: frame["type"] == "room" and frame["room"] == pair)
    assert begun["people"] and begun["kind"] == "direct"
    activity = lilei.hear(lambda frame: frame["type"] == "activity")
    assert (activity["room"], activity["unread"], activity["data"]) == (pair, 1, "shall we say seven?")


def test_what_is_read_is_read_on_every_device(person, document):
    ann, bob = person("Ann"), person("Bob")
    tablet = person("Ann", rooms=(), cookie=ann.cookie)
    for text in ("one", "two", "@Ann three"):
        seq = bob.ask({"type": "message", "room": "lobby", "text": text})["seq"]
    mention = ann.hear(lambda frame: frame.get("data") == "@Ann three")
    assert mention["mentions"] == [number_of(ann)]
    tablet.notice("activity", "activity")
    lobby = ann.follow("rooms", "rooms", "rooms")["rooms"][0]
    assert (lobby["read"], lobby["unread"], lobby["mentions"]) == (0, 3, 1)
    answered = ann.follow("read", "read", "read", seq=seq)
    assert (answered["unread"], answered["mentions"]) == (0, 0)
    told = tablet.hear_type("read")
    assert (told["room"], told["seq"], told["unread"]) == ("lobby", seq, 0)
    ann.follow("quiet", "quiet", "quiet")
    assert tablet.hear_type("quiet")["on"] is True


def test_rooms_are_described_and_put_away_by_who_made_them(person):
    ann, bob = person("Ann"), person("Bob")
    ann.follow("create", "create", "created", room="Tea time")
    for request in ("rename", "topic", "archive"):
        assert bob.ask({**ann.document.example("rename, topic, archive", request), "room": "tea-time"})["code"] == "not_allowed"
        ann.heard.clear()
        answer = ann.ask({**ann.document.example("rename, topic, archive", request), "room": "tea-time"})
        assert answer["type"] == "room" and answer["room"] == "tea-time"
    assert (answer["title"], answer["topic"], answer["archived"]) == ("Coffee", "beans", True)
    ann.ask({"type": "join", "room": "tea-time"})
    assert ann.ask({"type": "message", "room": "tea-time", "text": "hi"})["code"] == "archived"


def test_who_writes_is_seen(person):
    ann, bob = person("Ann"), person("Bob")
    ann.say({"type": "typing", "room": "lobby"})
    assert bob.notice("typing", "typing")["from"] == "Ann"


def about_a_person(frame):
    return frame["type"] == "presence" and "person" in frame


def test_who_talks_with_somebody_knows_whether_they_are_there(person):
    ann, lilei = person("Ann"), person("李雷")
    pair = ann.ask({"type": "direct", "people": [number_of(lilei)]})["room"]
    assert not any({"presence", "since", "seen_ms"} & one.keys() for one in pair["people"])
    ann.ask({"type": "join", "room": pair["room"]})
    ann.ask({"type": "message", "room": pair["room"], "text": "hi"})
    told = ann.hear(about_a_person)
    assert (told["person"], told["presence"]) == (number_of(lilei), "online") and told["since"] > 0
    ann.heard.clear()
    lilei.ask({"type": "away", "away": True})
    told = ann.hear(about_a_person)
    assert (told["person"], told["name"], told["presence"]) == (number_of(lilei), "李雷", "away")
    resembles(told, ann.document.example("Whether people are there", "presence"))
