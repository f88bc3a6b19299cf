"""Messages that come and go leave no memory behind."""

from raw_client import BINARY, CLOSE, CONTINUATION

MIB = 1 << 20


def cycle(server, raw):
    """A big message whole, one in fragments, and one that is never finished, each on a connection of its own."""
    connection = raw(server)
    connection.send_frame(BINARY, bytes(2 * MIB))
    assert connection.receive_frame().opcode == BINARY
    connection.send_frame(BINARY, bytes(MIB), fin=False)
    connection.send_frame(CONTINUATION, bytes(MIB))
    assert connection.receive_frame().opcode == BINARY
    connection.send_frame(BINARY, bytes(MIB), fin=False)
    connection.send_frame(CLOSE)
    connection.receive_close()
    connection.close()


def test_big_messages_leave_nothing_behind(start, raw):
    server = start("echo", "--reactors", 1)
    for _ in range(10):
        cycle(server, raw)
    before = server.resident_bytes()
    for _ in range(100):
        cycle(server, raw)
    # The allocator keeps some free blocks of such sizes, now more, now fewer; one message kept by each cycle, even the
    # smallest, would be 100 MiB.
    assert server.resident_bytes() - before < 32 * MIB
