"""Messages that kill, payloads that fail again and again: through the real binary, kills and a partner that refuses."""
import http.client
import json
import os
import threading
import time

import pytest

from world import belay, belay_json, demo, until
from test_operations import Small, shipped

ask = demo.ask

FLOW = """
belay: 1
name: small
poison: {{ same_payload: 2, same_signature: 4, window: 10m }}
connections:
  warehouse:
    http: {{ base_url: "http://127.0.0.1:{warehouse}" }}
    timeout: 20s
apis:
  door: {{ listen: "127.0.0.1:{api}", openapi: door.yaml }}
queues:
  work: {{}}
flows:
  take:
    from: {{ api: door, operation: put }}
    steps:
      - publish: {{ queue: work, key: "{{% key %}}" }}
    reply: {{ status: 202, headers: {{ x-version: "{version}" }} }}
  work:
    from: {{ queue: work }}
    lanes: {{ key: "{{% key %}}", concurrency: 16, on_exhausted: skip }}
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
"""


class Poisoned(Small):
    flow = FLOW

    def poison(self, *args):
        return belay_json("poison", "ls", *args, data=self.data)["poison"]

    def in_flight(self):
        return belay_json("status", data=self.data)["engine"]["calls_in_flight"]


@pytest.fixture
def small(tmp_path):
    w = Poisoned(str(tmp_path))
    w.start()
    yield w
    w.stop()


def test_a_message_that_was_alone_at_two_deaths_is_quarantined_with_its_story(small):
    small.faults(warehouse={"timeout": 1.0})
    small.put("deadly", "d")
    for _ in range(2):
        until(lambda: small.in_flight() == 1)
        time.sleep(0.1)
        small.kill()
        small.start()
    until(lambda: small.letters())
    letter = small.letters()[0]
    assert letter["error"] == "POISON:CRASH"
    whole = belay_json("dlq", "show", letter["flow"], str(letter["sequence"]), data=small.data)
    last = whole["history"][-1]
    assert "2 times" in last["description"] and last["excerpt"].count("ran alone") == 2
    small.faults(warehouse={"timeout": 0})
    small.put("fine", "d")
    until(lambda: shipped(small, "fine"))
    assert not shipped(small, "deadly")
    status, problem = ask(small.api, "POST", "/work", {"id": "deadly", "key": "d"})
    assert status == 422 and problem["letter"] == f"work/{letter['sequence']}"
    assert "! 1 dead letter" in belay("status", data=small.data, check=True)[1]
    belay("dlq", "replay", "work", str(letter["sequence"]), data=small.data, check=True)
    until(lambda: shipped(small, "deadly"))
    status, _ = ask(small.api, "POST", "/work", {"id": "deadly", "key": "d"})
    assert status == 202  # it succeeded: nothing is held against it


def test_many_in_flight_at_a_kill_are_innocent(small):
    small.faults(warehouse={"timeout": 1.0})
    for i in range(12):
        small.put(f"i-{i}", f"i-{i}")
    until(lambda: small.in_flight() == 12)
    small.kill()
    small.faults(warehouse={"timeout": 0})
    small.start()
    small.put("later", "later")
    until(lambda: all(shipped(small, f"i-{i}") for i in range(12)) and shipped(small, "later"))
    assert small.letters() == []


def test_the_same_payload_again_is_refused_with_a_pointer_to_its_letter(small):
    body = {"id": "unshippable-1", "key": "k"}
    for n in range(2):
        assert ask(small.api, "POST", "/work", body)[0] == 202
        until(lambda: len(small.letters()) == n + 1)
    until(lambda: small.poison())
    status, problem = ask(small.api, "POST", "/work", dict(reversed(body.items())))
    assert status == 422 and problem["error"] == "poison" and problem["letter"].startswith("work/")
    flow, sequence = problem["letter"].split("/")
    assert belay_json("dlq", "show", flow, sequence, data=small.data)["message"]["body"] == body
    row = small.poison()[0]
    assert row["kind"] == "payload" and row["messages"] == 2 and row["refused"] and row["flow"] == "work"
    assert "belay poison ls" in belay("status", data=small.data, check=True)[1]
    small.kill()
    small.start()  # it is remembered
    assert ask(small.api, "POST", "/work", body)[0] == 422
    out = belay("poison", "clear", "--hash", row["name"], data=small.data, check=True)[1]
    assert out == "1 forgotten\n"
    assert ask(small.api, "POST", "/work", body)[0] == 202
    assert "clear-poison" in json.dumps(trail(small))


def trail(small):
    import http.client
    import socket
    c = http.client.HTTPConnection("belay")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(os.path.join(small.data, "admin.sock"))
    c.request("GET", "/trail")
    return json.loads(c.getresponse().read())


def test_errors_that_are_alike_trip_and_an_outage_does_not(small):
    small.faults(warehouse={"error": 1.0})
    for i in range(6):
        small.put(f"o-{i}", f"o-{i}")
    until(lambda: len(small.letters()) + belay_json("status", data=small.data)["subscriptions"][0]["waiting"] >= 6)
    assert small.poison("--all") == []
    small.faults(warehouse={"error": 0})
    for i in range(4):
        small.put(f"unshippable-{i}", f"u-{i}")
    until(lambda: [p for p in small.poison() if p["kind"] == "signature"])
    row = [p for p in small.poison() if p["kind"] == "signature"][0]
    assert row["messages"] == 4 and "HTTP:CLIENT_ERROR" in row["error"]
    text = belay("poison", "ls", data=small.data, check=True)[1]
    assert "signature" in text and row["name"] in text
    assert belay("poison", "clear", "--signature", row["name"], data=small.data, check=True)[1] == "1 forgotten\n"
    assert belay("poison", "clear", "--flow", "nothing", data=small.data, check=True)[1] == "0 forgotten\n"
    code, _, err = belay("poison", "forget", data=small.data)
    assert code == 64 and "say ls, or clear" in err


SYNC = """
belay: 1
name: small
connections:
  warehouse:
    http: {{ base_url: "http://127.0.0.1:{warehouse}" }}
    timeout: 60s
apis:
  door: {{ listen: "127.0.0.1:{api}", openapi: door.yaml }}
flows:
  take:
    from: {{ api: door, operation: put }}
    timeout: 60s
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
    reply: {{ status: 202, headers: {{ x-version: "{version}" }} }}
"""


class Synchronous(Poisoned):
    flow = SYNC


def ask_and_die(world, item):
    """The client of a process that dies meanwhile: no answer comes."""
    try:
        ask(world.api, "POST", "/work", {"id": item, "key": "k"})
    except (OSError, http.client.HTTPException):
        pass


def test_a_request_that_was_alone_at_two_deaths_is_refused_until_it_is_cleared(tmp_path):
    world = Synchronous(str(tmp_path))
    try:
        world.start()
        world.faults(warehouse={"timeout": 1.0})
        for _ in range(2):
            client = threading.Thread(target=ask_and_die, args=(world, "deadly"), daemon=True)
            client.start()
            until(lambda: world.in_flight() == 1, 60)
            world.kill()
            client.join()
            world.start()
        world.faults(warehouse={"timeout": 0})
        status, problem = ask(world.api, "POST", "/work", {"id": "deadly", "key": "k"})
        assert status == 422 and problem["error"] == "poison" and "died 2 times" in problem["detail"], problem
        row = world.poison()[0]
        assert row["kind"] == "request" and row["messages"] == 2 and row["refused"]
        assert f"belay poison clear --hash {row['name']}" in problem["detail"]
        assert ask(world.api, "POST", "/work", {"id": "fine", "key": "k"})[0] == 202  # another one is nobody's fault
        assert belay("poison", "clear", "--hash", row["name"], data=world.data, check=True)[1] == "1 forgotten\n"
        assert ask(world.api, "POST", "/work", {"id": "deadly", "key": "k"})[0] == 202
    finally:
        world.stop()


def test_requests_that_had_company_at_a_death_are_innocent(tmp_path):
    world = Synchronous(str(tmp_path))
    try:
        world.start()
        for _ in range(2):
            world.faults(warehouse={"timeout": 1.0})
            clients = [threading.Thread(target=ask_and_die, args=(world, f"i-{i}"), daemon=True) for i in range(3)]
            for c in clients:
                c.start()
            until(lambda: world.in_flight() == 3, 60)
            world.kill()
            for c in clients:
                c.join()
            world.start()
        world.faults(warehouse={"timeout": 0})
        assert all(ask(world.api, "POST", "/work", {"id": f"i-{i}", "key": "k"})[0] == 202 for i in range(3))
        assert world.poison("--all") == []
    finally:
        world.stop()
