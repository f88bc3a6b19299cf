"""A client that says what the examples of docs/protocol.md say, and holds what it hears against them."""

import json
import urllib.request

from websockets.sync.client import connect

from deadline import DEADLINE_S

from .document import keys_of, resembles


class Person:
    def __init__(self, server, document, cookie=None):
        self.document = document
        headers = {"Cookie": cookie} if cookie else {}
        # The library's blocking client without a `with`: it is closed by `close`.
        self._socket = connect(server.uri, legacy=True, subprotocols=["switchboard.v1"], additional_headers=headers,
                               proxy=None, open_timeout=DEADLINE_S, max_size=None)
        self.cookie = cookie
        self.welcome = None
        """How the server has greeted them."""
        self.heard = []
        """What has come and was not waited for yet."""
        self._asked = 0

    def close(self):
        self._socket.close_socket()

    def say(self, frame):
        self.say_text(json.dumps(frame, ensure_ascii=False))

    def say_text(self, text):
        self._socket.send(text)

    def hear(self, is_meant=lambda frame: True):
        """The first frame that is meant, of those that were not waited for yet."""
        while True:
            for frame in self.heard:
                if is_meant(frame):
                    self.heard.remove(frame)
                    return frame
            self.heard.append(self._receive())

    def hear_type(self, kind):
        return self.hear(lambda frame: frame["type"] == kind)

    def _receive(self):
        text = self._socket.recv(DEADLINE_S)
        assert text.startswith('{"type":'), f"`type` is not the first key: {text[:80]}"
        frame = json.loads(text)
        for key in keys_of({key: value for key, value in frame.items() if key != "rooms"}):
            assert self.document.names(key), f"docs/protocol.md does not name the key {key!r} of {text[:400]}"
        return frame

    def ask(self, frame):
        """Whatever the request is answered with."""
        self._asked += 1
        request = {**frame, "id": f"asked {self._asked}"}
        self.say(request)
        return self.hear(lambda frame: frame.get("id") == request["id"])

    def follow(self, title, request, answer, number=0, further=0, **other):
        """Says a section's example, with other values where given; it must be answered as the example of an answer that comes
        next in the section. `further`: so many requests of the same type stand between the two."""
        examples = [frame for frame in self.document.examples(title) if isinstance(frame, dict)]
        asked = [at for at, frame in enumerate(examples) if frame.get("type") == request][number]
        answers = [frame for frame in examples[asked + 1:] if frame.get("type") == answer]
        expected = answers[further]
        answered = self.ask({**examples[asked], **other})
        assert answered["type"] == answer, answered
        resembles(answered, expected)
        return answered

    def notice(self, title, kind, number=0):
        """Waits for a frame of this type that nobody here has asked for; it must be as a section's example, but for the `id`."""
        frame = self.hear(lambda frame: frame["type"] == kind and "id" not in frame)
        example = self.document.example(title, kind, number)
        resembles(frame, {key: value for key, value in example.items() if key != "id"})
        return frame


def ask_http(server, method, path, body=None, cookie=None):
    """The status of the answer, its body, and the cookie that it gives."""
    host, port = server.address
    request = urllib.request.Request(f"http://{host}:{port}{path}", method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if cookie:
        request.add_header("Cookie", cookie)
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as response:
            status, headers, text = response.status, response.headers, response.read()
    except urllib.error.HTTPError as refused:
        status, headers, text = refused.code, refused.headers, refused.read()
    given = (headers.get("Set-Cookie") or "").split(";")[0] or None
    return status, json.loads(text), given
