"""The `broadcast` example: every message reaches every connection, the sender's too, in order."""

import pytest


@pytest.mark.parametrize("reactors", [1, 2])
def test_everyone_gets_everything_in_the_senders_order(start, client, reactors):
    server = start("broadcast", "--reactors", reactors)
    clients = [client(server) for _ in range(20)]
    messages = [f"message {n}" for n in range(200)]
    for message in messages:
        clients[0].send(message)
    for receiver in clients:
        assert [receiver.recv(20) for _ in messages] == messages


def test_text_stays_text_and_binary_stays_binary(start, client):
    clients = [client(server) for server in [start("broadcast")] for _ in range(3)]
    messages = ["", "grüße, 你好", b"", b"\x00\xff", "x" * 70000, b"y" * 70000]
    for message in messages:
        clients[1].send(message)
    for receiver in clients:
        assert [receiver.recv(20) for _ in messages] == messages


def test_many_senders_keep_each_their_own_order(start, client):
    server = start("broadcast", "--reactors", 2)
    clients = [client(server) for _ in range(8)]
    count = 50
    for n in range(count):
        for sender, connection in enumerate(clients):
            connection.send(f"{sender} {n}")
    for receiver in clients:
        last = dict.fromkeys(range(len(clients)), -1)
        for _ in range(count * len(clients)):
            sender, number = map(int, receiver.recv(20).split())
            assert number == last[sender] + 1
            last[sender] = number


def test_a_client_that_leaves_is_not_missed(start, client, raw):
    server = start("broadcast", "--reactors", 2)
    stays = [client(server) for _ in range(3)]
    leaves, vanishes = client(server), raw(server)
    leaves.close()
    vanishes.close()
    for n in range(20):
        stays[0].send(f"message {n}")
    for receiver in stays:
        assert [receiver.recv(20) for _ in range(20)] == [f"message {n}" for n in range(20)]


def test_a_newcomer_gets_what_is_sent_after_it_came(start, client):
    server = start("broadcast", "--reactors", 2)
    first = client(server)
    first.send("before")
    assert first.recv(20) == "before"
    newcomer = client(server)
    first.send("after")
    assert newcomer.recv(20) == "after"
    assert first.recv(20) == "after"
