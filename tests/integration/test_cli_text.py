"""What the commands say of answers that a real belay gives only on a broken or a full disk: an admin API that gives them."""
import fcntl
import http.server
import json
import os
import socketserver
import threading
import urllib.parse

import pytest

from world import belay


class Told(http.server.BaseHTTPRequestHandler):
    """Answers as the server's `tell` says: (method, path, body) -> body."""
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urllib.parse.urlsplit(self.path).path
        self.server.asked.append((self.command, path))
        text = json.dumps(self.server.tell(self.command, path, json.loads(body) if body else None)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)
        self.close_connection = True

    do_GET = do_POST = answer

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


@pytest.fixture
def told(tmp_path):
    """(server, data directory); the test says what server.tell is."""
    folder = tmp_path / "data"
    folder.mkdir()
    lock = open(folder / "LOCK", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    server = socketserver.ThreadingUnixStreamServer(os.path.join(folder, "admin.sock"), Told)
    server.daemon_threads, server.asked = True, []
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server, str(folder)
    server.shutdown()
    server.server_close()
    lock.close()


STOPPED = {"name": "notify", "topic": "orders", "paused": "archive/3-900.arc is missing: messages 501 to 900 are in it", "stopped": True}


def test_status_says_what_helps_a_flow_that_cannot_read_on(told):
    server, data = told
    server.tell = lambda *_: {"subscriptions": [STOPPED, {"name": "other", "paused": "stock-taking", "stopped": False}]}
    code, out, err = belay("status", data=data)
    assert "! notify STOPPED, it cannot read on: archive/3-900.arc is missing: messages 501 to 900 are in it" in out, (code, out, err)
    assert f"belay flow resume notify --data {data}" in out and f"belay flow seek notify --to SEQUENCE --reason TEXT --data {data}" in out
    assert "! other is paused (stock-taking): belay flow resume other" in out and "other STOPPED" not in out


def test_a_flow_that_stops_again_is_no_success(told):
    server, data = told
    server.tell = lambda method, path, body: {"subscriptions": [STOPPED]} if path == "/status" else {"done": True}
    code, out, err = belay("flow", "resume", "notify", data=data)
    assert code == 1 and "notify stops again, it cannot read on: archive/3-900.arc is missing" in err, (code, out, err)
    assert server.asked[0] == ("POST", "/subscriptions/notify/resume")
    assert belay("flow", "resume", "other", data=data)[0] == 0  # of another one nothing is said


def test_a_discard_that_finds_no_room_gives_up_and_says_why(told):
    server, data = told
    bodies = []

    def tell(method, path, body):
        bodies.append(body)
        if body["dry"]:
            return {"count": 3, "looked": 3, "next": None, "until": "2026-07-01T12:00:00.000Z", "busy": False}
        first = sum(not b["dry"] for b in bodies) == 1
        return {"discarded": int(first), "looked": 1, "next": "0-7", "busy": True, "why": "the disk has no room"}
    server.tell = tell
    code, out, err = belay("dlq", "discard", "--all", "--flow", "notify", "--reason", "a test", "--yes", data=data)
    assert code == 74, (code, out, err)
    assert "1 discarded, then the store found no room to write that down: the disk has no room; make room on the disk first" in err
    assert "letters discarded" not in out and "letter discarded" not in out
    assert all(b["reason"] == "a test" for b in bodies) and {path for _, path in server.asked} == {"/letters/discard"}


def test_a_discard_that_is_only_busy_goes_on_to_its_end(told):
    server, data = told
    left = [3]

    def tell(method, path, body):
        if body["dry"]:
            return {"count": 3, "looked": 3, "next": None, "until": "2026-07-01T12:00:00.000Z", "busy": False}
        left[0] -= 1
        return {"discarded": 1, "looked": 1, "next": "0-7" if left[0] else None, "busy": bool(left[0]), "why": "a commit is under way"}
    server.tell = tell
    code, out, err = belay("dlq", "discard", "--all", "--flow", "notify", "--reason", "a test", "--yes", data=data)
    assert code == 0 and "3 letters discarded" in out and not err, (code, out, err)
