"""The PyPI package socketify, which carries uWebSockets under handlers in Python."""

import sys

from socketify import App, CompressOptions

EVERYONE = "everyone"


def main() -> None:
    """`echo|broadcast --listen ADDRESS:PORT`, the arguments of every peer."""
    if len(sys.argv) != 4 or sys.argv[1] not in ("echo", "broadcast") or sys.argv[2] != "--listen":
        sys.exit("usage: PEER echo|broadcast --listen ADDRESS:PORT")
    load, (host, _, port) = sys.argv[1], sys.argv[3].rpartition(":")
    app = App()

    def subscribe(socket) -> None:
        socket.subscribe(EVERYONE)

    def echo(socket, message, opcode) -> None:
        socket.send(message, opcode)

    def publish(_socket, message, opcode) -> None:
        app.publish(EVERYONE, message, opcode)

    behaviour = {
        "compression": CompressOptions.DISABLED,
        "max_payload_length": 2 * 1024 * 1024,
        "max_backpressure": 1024 * 1024,
        "message": echo if load == "echo" else publish,
    }
    if load == "broadcast":
        behaviour["open"] = subscribe
    app.ws("/*", behaviour)
    app.listen(
        {"host": host, "port": int(port)},
        lambda config: print(f"listening on {host}:{config.port}", flush=True),
    )
    app.run()


main()
