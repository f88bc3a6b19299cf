"""The `chat` example: the smallest chat protocol, as a client that knows nothing more speaks it."""

import json

import pytest


def receive(connection):
    frame = connection.recv(20)
    assert isinstance(frame, str), "the chat speaks text"
    return json.loads(frame)


def test_a_welcome_goes_to_everyone_the_newcomer_too(start, client):
    server = start("chat")
    ann, ben = client(server), client(server)
    ann.send('{"type":"connect","text":"Ann"}')
    for connection in (ann, ben):
        welcome = receive(connection)
        assert (welcome["type"], welcome["data"]) == ("connect", "Welcome Ann to join us")


def test_a_message_goes_to_everyone_the_sender_too_in_order(start, client):
    server = start("chat", "--reactors", 2)
    people = [client(server) for _ in range(5)]
    for n in range(50):
        people[0].send(json.dumps({"type": "message", "text": f"hi {n}"}))
    for connection in people:
        for n in range(50):
            message = receive(connection)
            assert (message["type"], message["data"]) == ("message", f"hi {n}")


@pytest.mark.parametrize("text", [
    "你好，世界", "🙂🙃", 'quotes " and \\ backslashes', "<script>alert(1)</script>", "line\nline\ttab",
    "\u2028 \u202e \u0007", "x" * 4000,
], ids=ascii)
def test_a_text_arrives_unchanged(start, client, text):
    connection = client(start("chat"))
    connection.send(json.dumps({"type": "message", "text": text}))
    assert receive(connection)["data"] == text
    connection.send(json.dumps({"type": "message", "text": text}, ensure_ascii=False))
    assert receive(connection)["data"] == text


@pytest.mark.parametrize("frame", ['{"type":"connect","text":"Ann"}', '{"type":"message","text":"hi"}', "{}"])
def test_type_is_the_first_key_of_every_frame(start, client, frame):
    connection = client(start("chat"))
    connection.send(frame)
    assert connection.recv(20).startswith('{"type":')


def test_two_people_may_have_the_same_name(start, client):
    server = start("chat")
    first, second = client(server), client(server)
    for newcomer in (first, second):
        newcomer.send('{"type":"connect","text":"Ann"}')
        assert receive(first)["data"] == receive(second)["data"] == "Welcome Ann to join us"


def test_the_order_of_keys_and_unknown_keys_do_not_matter(start, client):
    connection = client(start("chat"))
    connection.send('{"more":[1,{"a":null}], "text" : "hi", "type" :"message"}')
    assert receive(connection)["data"] == "hi"


@pytest.mark.parametrize("frame", [
    "not JSON", "", "[]", "42", "null", "{}", '{"text":"no type"}', '{"type":"dance"}', '{"type":7}',
    '{"type":"message"}', '{"type":"message","text":7}', '{"type":"message","text":null}', '{"type":"connect"}',
    '{"type":"connect","text":{}}', '{"type":"message","text":"cut', b"binary", b"\xff\xfe",
    "[" * 10_000,
], ids=lambda frame: ascii(frame[:40]))
def test_nonsense_is_answered_by_an_error_to_its_sender_and_the_connection_stays(start, client, frame):
    server = start("chat")
    clumsy, bystander = client(server), client(server)
    clumsy.send(frame)
    error = receive(clumsy)
    assert error["type"] == "error"
    assert isinstance(error["data"], str) and error["data"].strip()
    clumsy.send('{"type":"message","text":"sorry"}')
    assert receive(clumsy)["data"] == receive(bystander)["data"] == "sorry"
