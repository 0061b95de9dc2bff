"""Full queues, messages whose time is over, and who is limited by whom, through the real binary."""
import concurrent.futures
import http.client
import json
import os
import time

import pytest

from world import belay, belay_json, until
from test_operations import Small, shipped

FLOW = """
belay: 1
name: small
connections:
  warehouse:
    http: {{ base_url: "http://127.0.0.1:{warehouse}" }}
    timeout: 1s
    rate: {{ per_second: 20, burst: 1 }}
    breaker: {{ min_calls: 5, open: 2s }}
apis:
  door: {{ listen: "127.0.0.1:{api}", openapi: door.yaml, max_wait: 300ms }}
queues:
  work: {limits}
flows:
  take:
    from: {{ api: door, operation: put }}
    steps:
      - publish: {{ queue: work, key: "{{% key %}}" }}
    reply: {{ status: 202, headers: {{ x-version: "{version}" }} }}
  work:
    from: {{ queue: work }}
    lanes: {{ key: "{{% key %}}", concurrency: 4 }}
    retry: {{ max_attempts: 200, initial: 50ms, max: 200ms }}
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
"""


class Limited(Small):
    flow = FLOW
    limits = "{ max_messages: 8 }"

    def post(self, item, headers=None, note=""):
        c = http.client.HTTPConnection("127.0.0.1", self.api, timeout=90)
        body = json.dumps({"id": item, "key": item, "note": note})
        c.request("POST", "/work", body, {"content-type": "application/json", **(headers or {})})
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), text

    def post_many(self, names):
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            return dict(zip(names, pool.map(self.post, names)))

    def status(self):
        return belay_json("status", data=self.data)

    def queue(self):
        return [t for t in self.status()["topics"] if t["name"] == "work"][0]


@pytest.fixture
def make(tmp_path):
    made = []

    def one(limits):
        Limited.limits = limits
        made.append(Limited(str(tmp_path)))
        made[0].start()
        return made[0]
    yield one
    for w in made:
        w.stop()


def test_callers_wait_for_room_and_then_are_told_when_to_come_again(make):
    w = make("{ max_messages: 8 }")
    answers = w.post_many([f"b-{i}" for i in range(60)])
    taken = [name for name, (status, _, _) in answers.items() if status == 202]
    refused = [(headers, text) for status, headers, text in answers.values() if status != 202]
    assert 8 <= len(taken) < 60 and refused
    for headers, text in refused:
        assert headers["content-type"].startswith("application/problem+json") and 1 <= int(headers["retry-after"]) <= 60
        assert "full" in json.loads(text)["detail"]
    assert w.queue()["length"] <= 8
    until(lambda: all(shipped(w, name) for name in taken))
    assert w.letters() == []
    assert not any(shipped(w, name) for name in answers if name not in taken)


class Patient(Limited):
    flow = FLOW.replace("max_wait: 300ms", "max_wait: 60s")
    limits = "{}"


def test_callers_wait_while_the_disk_writes_what_came_before(tmp_path):
    w = Patient(str(tmp_path))
    try:
        w.start()
        with concurrent.futures.ThreadPoolExecutor(24) as pool:  # several commits more than one holds
            answers = list(pool.map(lambda n: w.post(f"l-{n}", note="x" * 200_000), range(72)))
        assert [status for status, _, _ in answers] == [202] * 72
        (api,) = w.status()["apis"]
        assert api["refused"] == 0 and api["waiting_for_room"] == 0
    finally:
        w.stop()


def test_the_chain_from_the_slow_endpoint_to_the_edge_is_in_status(make):
    w = make("{ max_messages: 8 }")
    w.faults(warehouse={"error": 1.0})
    w.post_many([f"c-{i}" for i in range(20)])

    seen = []

    def chain():  # once the breaker is open it stays as it is for two seconds
        status = w.status()
        found = [c for c in status["limits"] if c["nodes"][0]["kind"] == "api"]
        seen[:] = found[:1]
        return found and status["connections"][0]["breaker"] == "open"
    until(chain)
    nodes = seen[0]["nodes"]
    assert [(n["kind"], n["name"]) for n in nodes] == [
        ("api", "POST /work"), ("queue", "work"), ("flow", "work"), ("connection", "warehouse")]
    assert nodes[1]["says"].startswith("full: 8 of 8")
    text = belay("status", data=w.data, check=True)[1]
    assert "POST /work <- queue work (full: 8 of 8) <- flow work" in text
    w.faults(warehouse={"error": 0})
    until(lambda: w.queue()["length"] == 0)
    assert w.status()["limits"] == []


def test_a_queue_that_rejects_answers_at_once(make):
    w = make("{ max_messages: 2, on_full: reject }")
    began = time.monotonic()
    answers = w.post_many([f"r-{i}" for i in range(30)])
    refused = [(h, json.loads(t)) for s, h, t in answers.values() if s == 503]
    assert refused and time.monotonic() - began < 30
    assert all("QUEUE_FULL" in json.dumps(problem) and h["retry-after"] for h, problem in refused)
    until(lambda: w.queue()["length"] == 0)
    assert w.letters() == []


def test_what_was_accepted_into_a_full_queue_survives_a_kill(make):
    w = make("{ max_messages: 8 }")
    answers = w.post_many([f"k-{i}" for i in range(20)])
    taken = [name for name, (status, _, _) in answers.items() if status == 202]
    w.kill()
    w.start()
    until(lambda: all(shipped(w, name) for name in taken))
    assert w.letters() == []


def test_what_is_late_is_a_letter_and_holds_up_nothing(make):
    w = make("{ ttl: 4s }")  # fresh-1 has as long to get through
    belay("flow", "pause", "work", "--reason", "test", data=w.data, check=True)
    assert w.post("late-1")[0] == 202
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    assert w.post("late-2", {"ce-expirytime": soon})[0] == 202  # the shorter counts
    time.sleep(4.3)
    assert w.post("fresh-1")[0] == 202
    belay("flow", "resume", "work", data=w.data, check=True)
    until(lambda: shipped(w, "fresh-1") and len(w.letters()) == 2)
    assert {letter["error"] for letter in w.letters()} == {"EXPIRED:TTL"}
    assert all(letter["state"] == "dead" for letter in w.letters())
    belay("dlq", "replay", "work", str(w.letters()[0]["sequence"]), data=w.data, check=True)
    until(lambda: len(w.letters()) == 1)
