"""What an operator does: mistakes in files, reload, letters, the admin API over TCP."""
import json
import os
import signal
import subprocess
import textwrap
import time

import pytest

from world import belay, belay_json, demo, until

ask = demo.ask

FLOW = """
belay: 1
name: small
connections:
  warehouse:
    http: {{ base_url: "http://127.0.0.1:{warehouse}" }}
    timeout: 1s
    breaker: false                      # letters are what these tests want
    retry_budget: {{ share: 1, floor: 1000 }}
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
    lanes: {{ key: "{{% key %}}", on_exhausted: park_key }}
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
    retry: {{ max_attempts: 2, initial: 10ms, max: 20ms }}
"""

DOOR = """
openapi: 3.1.0
info: { title: Door, version: "1" }
paths:
  /work:
    post:
      operationId: put
      requestBody: { required: true, content: { application/json: { schema: { type: object, required: [id, key] } } } }
      responses: { "202": { description: taken } }
"""


class Small(demo.World):
    flow, limits = FLOW, "{}"  # of a subclass: its own

    def __init__(self, folder):
        super().__init__(folder)
        self.config = self.example = os.path.join(folder, "flows")
        os.mkdir(self.config)
        with open(os.path.join(self.config, "door.yaml"), "w") as f:
            f.write(DOOR)
        self.write(version="1")
        self.data = os.path.join(folder, "store")
        self.example = self.config

    def write(self, version, more=""):
        with open(os.path.join(self.config, "belay.yaml"), "w") as f:
            f.write(self.flow.format(warehouse=self.warehouse, api=self.api, version=version, limits=self.limits) + more)

    def put(self, item, key):
        status, _ = ask(self.api, "POST", "/work", {"id": item, "key": key})
        assert status == 202

    def letters(self):
        return belay_json("dlq", "ls", data=self.data)["letters"]


@pytest.fixture
def small(tmp_path):
    w = Small(str(tmp_path))
    w.start()
    yield w
    w.stop()


def shipped(world, item):
    return ask(world.warehouse, "GET", f"/shipments/{item}")[0] == 200


def test_a_parked_key_holds_its_later_messages_while_others_flow_and_goes_on_in_order(small):
    small.put("unshippable-1", "a")
    until(lambda: small.letters())
    for i in range(5):
        small.put(f"a-{i}", "a")
        small.put(f"b-{i}", "b")
    until(lambda: all(shipped(small, f"b-{i}") for i in range(5)))
    assert not any(shipped(small, f"a-{i}") for i in range(5))
    letter = small.letters()[0]
    assert letter["state"] == "parked" and letter["key"] == "a" and letter["error"] == "HTTP:CLIENT_ERROR"
    until(lambda: small.letters()[0]["held"] == 5)
    whole = belay_json("dlq", "show", letter["flow"], str(letter["sequence"]), data=small.data)
    assert whole["history"] and whole["history"][0]["status"] == 409 and whole["message"]["body"]["id"] == "unshippable-1"
    belay("dlq", "release", letter["flow"], str(letter["sequence"]), data=small.data, check=True)
    until(lambda: all(shipped(small, f"a-{i}") for i in range(5)))
    assert small.letters()[0]["state"] == "dead"
    code, _, err = belay("dlq", "discard", letter["flow"], str(letter["sequence"]), data=small.data)
    assert code == 64 and "--reason" in err
    belay("dlq", "discard", letter["flow"], str(letter["sequence"]), "--reason", "a test", data=small.data, check=True)
    assert small.letters() == []


def test_letters_survive_a_kill_and_are_replayed(small):
    small.faults(warehouse={"error": 1.0})
    for i in range(10):
        small.put(f"r-{i}", f"r-{i}")
    until(lambda: len(small.letters()) == 10)
    small.kill()
    small.start()
    assert len(small.letters()) == 10
    small.faults(warehouse={"error": 0})
    out = belay("dlq", "replay", "--all", data=small.data, check=True)[1]
    assert out == "job 1 done: 10 done\n"
    until(lambda: all(shipped(small, f"r-{i}") for i in range(10)))
    until(lambda: small.letters() == [])


def test_long_lists_come_in_pages_and_each_letter_once(small):
    small.faults(warehouse={"error": 1.0})
    for i in range(150):
        small.put(f"p-{i}", f"p-{i}")
    pages = []

    def page(after, *more):
        path = f"/letters?count=100&after={after}" + "".join(more)
        return json.loads(subprocess.run(["curl", "-sS", "--unix-socket", os.path.join(small.data, "admin.sock"),
                                          "http://belay" + path], check=True, capture_output=True).stdout)
    until(lambda: len(page("")["letters"]) == 100 and len(page(page("")["next"])["letters"]) == 50)
    first = page("")
    second = page(first["next"])
    assert second["next"] is None
    assert {letter["key"] for letter in first["letters"] + second["letters"]} == {f"p-{i}" for i in range(150)}
    found = page("", "&key=p-149") # the last of them, behind two turns of looking
    assert [letter["key"] for letter in found["letters"]] == ["p-149"] and found["next"] is None
    story = belay_json("trace", "p-149", data=small.data)
    assert story["messages"] and not story["truncated"]
    states = [s["state"] for m in story["messages"] for s in m["subscriptions"]]
    assert "dead" in states or "parked" in states


def test_trace_says_who_holds_a_key_or_a_flow(small):
    def story(key):
        return belay("trace", key, data=small.data)[1]
    belay("lane", "park", "work", "ann", "--reason", "stock", "--as", "bob", data=small.data, check=True)
    small.put("x-1", "ann")
    until(lambda: f"'ann' --data {small.data}" in story("ann"))
    assert "its key is parked by bob" in story("ann") and "stock" in story("ann") and "belay lane release work 'ann'" in story("ann")
    belay("lane", "release", "work", "ann", data=small.data, check=True)
    until(lambda: shipped(small, "x-1"))
    belay("flow", "pause", "work", "--reason", "moving", data=small.data, check=True)
    small.put("x-2", "eve")
    until(lambda: "the flow is paused (" in story("eve"))
    assert "moving" in story("eve") and f"belay flow resume work --data {small.data}" in story("eve")
    belay("flow", "resume", "work", data=small.data, check=True)
    small.put("unshippable-1", "eve")
    small.put("x-3", "eve")
    letter = until(small.letters)[0]
    until(lambda: "is held in work" in story("eve"))
    assert f"its key is parked by letter {letter['sequence']}, HTTP:CLIENT_ERROR: belay dlq show work" in story("eve")


def test_reload_is_all_or_nothing(small):
    def version():
        import http.client
        c = http.client.HTTPConnection("127.0.0.1", small.api, timeout=60)
        c.request("POST", "/work", json.dumps({"id": "x", "key": "x"}), {"content-type": "application/json"})
        r = c.getresponse()
        r.read()
        c.close()
        return r.getheader("x-version")

    assert version() == "1"
    small.write(version="2")
    small.belay.send_signal(signal.SIGHUP)
    until(lambda: version() == "2")
    small.write(version="3", more="\nflows: nonsense\n")
    small.belay.send_signal(signal.SIGHUP)

    def refused():
        with open(os.path.join(small.folder, "belay.log")) as log:
            return "config.reload_failed" in log.read()
    until(refused)
    assert version() == "2"


def test_the_messages_of_a_removed_flow_stay(small):
    belay("flow", "pause", "work", "--reason", "stock-taking", data=small.data, check=True)
    small.put("p-1", "p")
    time.sleep(0.3)
    assert not shipped(small, "p-1")
    small.kill()
    small.start()
    time.sleep(0.3)
    assert not shipped(small, "p-1"), "a pause by hand outlives the process"
    belay("flow", "resume", "work", data=small.data, check=True)
    until(lambda: shipped(small, "p-1"))


def test_all_mistakes_of_a_file_at_once(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text(textwrap.dedent("""\
        belay: 1
        name: bad
        queues:
          work: {}
        flows:
          first:
            fom: { queue: work }
            steps:
              - publish: { topik: nowhere }
          second:
            from: { queue: wrk }
            steps:
              - map: "{% 1 + %}"
        """))
    code, out, _ = belay("lint", str(bad))
    assert code == 78
    lines = [line for line in out.splitlines() if "error" in line]
    assert any(":7:" in line and "from" in line for line in lines), out
    assert any(":9:" in line and "topic" in line for line in lines), out
    assert any(":11:" in line and "work" in line for line in lines), out
    assert any(":13:" in line for line in lines), out
    code, _, err = belay("run", "--data", str(tmp_path / "data"), str(bad))
    assert code == 78 and ":13:" in err


def test_the_schema_of_the_language_is_json():
    schema = json.loads(belay("schema", "print", check=True)[1])
    assert schema["$schema"].endswith("2020-12/schema") and "flows" in json.dumps(schema)


def test_expr():
    assert belay("expr", "$sum(items.(qty * price))", stdin='{"items":[{"qty":2,"price":3},{"qty":1,"price":4}]}')[1].strip() == "10"
    code, out, _ = belay("expr", "--json", "1 +", stdin="")
    assert code == 1 and json.loads(out)["error"]["code"] == "S0207"


def test_nobody_home(tmp_path):
    code, _, err = belay("status", data=str(tmp_path))
    assert code == 69 and "belay run" in err


AWAITING = """
topics:
  answers: {{}}
sagas:
  both:
    from: {{ queue: work }}
    id: "{{% id %}}"
    deadline: 2h
    steps:
      - name: first
        call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
        retry: {{ max_attempts: 20, initial: 10m, max: 10m, jitter: none }}
        compensate: {{ call: {{ connection: warehouse, method: PUT, path: "/shipments/undo-{{% id %}}" }} }}
      - name: second
        await: {{ topic: answers, match: "{{% id %}}", timeout: 1h }}
"""


class Awaiting(Small):
    def write(self, version, more=""):
        head, _, _ = FLOW.partition("  work:\n    from:")
        with open(os.path.join(self.config, "belay.yaml"), "w") as f:
            f.write((head + AWAITING).format(warehouse=self.warehouse, api=self.api, version=version))


class Broken(Awaiting):
    """Its breaker opens with the first failure, and the next try is due at once."""

    def write(self, version, more=""):
        super().write(version, more)
        path = os.path.join(self.config, "belay.yaml")
        with open(path) as f:
            text = f.read().replace("initial: 10m, max: 10m", "initial: 10ms, max: 10ms")
        with open(path, "w") as f:
            f.write(text.replace("breaker: false", "breaker: { min_calls: 1, open: 10m, open_max: 10m }"))


def test_trace_says_that_a_saga_waits_for_a_breaker(tmp_path):
    w = Broken(str(tmp_path))
    w.start()
    try:
        w.faults(warehouse={"error": 1.0})
        for key in ("s-1", "s-2"):
            w.put(key, key)
            until(lambda: "it waits for the breaker of warehouse, open until " in belay("trace", key, data=w.data)[1])
            assert f"belay saga abort both/{key} --reason '...'" in belay("trace", key, data=w.data)[1]
        assert "; then try 1\n" in belay("trace", "s-2", data=w.data)[1]
        assert "Call its owner; nothing is to be done here" in belay("status", data=w.data)[1]
    finally:
        w.stop()


def test_trace_says_what_a_saga_waits_for(tmp_path):
    w = Awaiting(str(tmp_path))

    def story(key):
        return belay("trace", key, data=w.data)[1]
    w.start()
    try:
        w.put("s-1", "s-1")
        until(lambda: "it waits for a message on answers that fits it, until " in story("s-1"))
        waits, = [s["waits"] for s in belay_json("trace", "s-1", data=w.data)["sagas"]]
        saga = belay_json("saga", "show", "both", "s-1", data=w.data)
        assert waits == {"event": "answers", "until": waits["until"]} and waits["until"] < saga["deadline"]
        assert "belay saga abort both/s-1 --reason '...'" in story("s-1")
        w.faults(warehouse={"error": 1.0})
        w.put("s-2", "s-2")
        until(lambda: "try 2 of its call to warehouse is due at " in story("s-2"))
        assert "belay saga retry both/s-2" in story("s-2")
    finally:
        w.stop()


SAGA = """
sagas:
  both:
    from: {{ queue: work }}
    id: "{{% id %}}"
    steps:
      - name: first
        call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
        compensate: {{ call: {{ connection: warehouse, method: PUT, path: "/shipments/unshippable-{{% id %}}" }} }}
      - name: second
        call: {{ connection: warehouse, method: PUT, path: "/shipments/unshippable" }}
"""


class WithSaga(Small):
    """What it does first can be done; what comes then cannot, nor can the first be undone."""

    def write(self, version, more=""):
        head, _, _ = FLOW.partition("  work:\n    from:")
        with open(os.path.join(self.config, "belay.yaml"), "w") as f:
            f.write((head + SAGA).format(warehouse=self.warehouse, api=self.api, version=version))


def test_a_saga_that_cannot_be_undone_waits_for_a_person_and_says_so(tmp_path):
    w = WithSaga(str(tmp_path))
    w.start()
    try:
        w.put("s-1", "s-1")
        until(lambda: belay_json("saga", "ls", "both", "--state", "parked", data=w.data)["instances"])
        row, = belay_json("saga", "ls", "both", "--state", "parked", data=w.data)["instances"]
        assert row["id"] == "s-1" and row["step"] == "first" and row["error"] == "HTTP:CLIENT_ERROR"
        status = belay("status", data=w.data, check=True)[1]
        assert f"! 1 of both waits for a person: belay saga ls both --state parked --data {w.data}" in status
        story = belay("trace", "s-1", data=w.data, check=True)[1]
        advice = f"belay saga retry both/s-1 --data {w.data}"
        assert "this compensation: " + advice in story, story
        belay(*advice.split()[1:], check=True)
        until(lambda: "settled_retry" in belay("trace", "s-1", data=w.data)[1])
        until(lambda: belay_json("saga", "ls", "both", "--state", "parked", data=w.data)["instances"])
        belay("saga", "settle", "both", "s-1", "--how", "done", data=w.data, check=True)
        until(lambda: belay_json("saga", "show", "both", "s-1", data=w.data)["state"] == "compensated")
    finally:
        w.stop()
    with open(os.path.join(w.folder, "belay.log")) as log:
        lines = [line for line in map(json.loads, log) if line["event"].startswith("saga.")]
    failed = [line for line in lines if line["event"] == "saga.compensation_failed"]
    lines = [line for line in lines if line["event"] != "saga.compensation_failed"]
    assert len(failed) == 2 and failed[0]["id"] == "s-1", "once each time that it is given up"
    assert [line["event"] for line in lines] == ["saga.compensating", "saga.parked", "saga.settled", "saga.parked",
                                                 "saga.settled", "saga.ended"]
    assert lines[1]["parked"] == "compensation" and lines[1]["id"] == "s-1" and lines[1]["level"] == "error"
    assert lines[2]["why"].startswith("by ") and lines[2]["word"] == "retry" and lines[2]["by"]


def test_a_pipe_is_no_configuration(tmp_path):
    pipe = tmp_path / "flows.yaml"
    os.mkfifo(pipe)
    code, out, err = belay("lint", str(pipe))
    assert code == 78 and "no regular file" in out + err


def test_the_command_line_takes_no_nonsense_for_a_number(tmp_path):
    for words in (("dlq", "ls", "--count", "x"), ("topic", "tail", "t", "--last", "-5"),
                  ("topic", "tail", "t", "--from", "abc"), ("saga", "ls", "s", "--count", "many")):
        code, _, err = belay(*words, data=str(tmp_path))
        assert code == 64 and "is a number" in err, words
