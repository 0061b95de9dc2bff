"""What a person can say about a saga, on the running binary: retry, settle, skip, abort; and what bounds a step."""
import json
import os

from test_operations import FLOW, Small
from world import belay, belay_json, demo, until

ask = demo.ask

SAGAS = """sagas:
  pay:
    from: {{ queue: work }}
    id: "{{% id %}}"
    steps:
      - name: charge
        call: {{ connection: payments, method: POST, path: "/charges", body: "{{% {{ 'order': id, 'amount': 10 }} %}}",
                timeout: 300ms }}
        compensate: {{ call: {{ connection: warehouse, method: PUT, path: "/shipments/undo-{{% id %}}" }} }}
      - name: ship
        pivot: {pivot}
        timeout: 2s
        retry: {{ max_attempts: 100, initial: 50ms, max: 100ms }}
        call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% $steps.charge.body.token %}}" }}
        compensate: {{}}
      - name: tell
        call: {{ connection: warehouse, method: PUT, path: "/shipments/unshippable" }}
"""


class Paying(Small):
    pivot = "false"

    def write(self, version, more=""):
        head, _, _ = FLOW.partition("  work:\n    from:")
        head = head.replace("connections:\n", 'connections:\n  payments: {{ http: {{ base_url: "http://127.0.0.1:{payments}" }} }}\n')
        with open(os.path.join(self.config, "belay.yaml"), "w") as f:
            f.write((head + SAGAS).format(warehouse=self.warehouse, payments=self.payments, api=self.api,
                                          version=version, pivot=self.pivot))

    def state(self, id):
        return belay_json("saga", "show", "pay/" + id, data=self.data)

    def say(self, *words):
        return belay_json("saga", *words, data=self.data)

    def parked(self, id):
        until(lambda: self.state(id)["state"] == "parked")
        return self.state(id)

    def events(self):
        with open(os.path.join(self.folder, "belay.log")) as log:
            lines = [json.loads(line) for line in log if line.startswith("{")]  # before it: lint's warnings
        return [line for line in lines if line["event"] == "saga.settled"]


def faults(port, **what):
    assert ask(port, "PUT", "/control", what)[0] < 300


def test_an_unknown_outcome_is_settled_with_its_result_skipped_or_aborted(tmp_path):
    w = Paying(str(tmp_path))
    w.start()
    try:
        faults(w.payments, lost=1)
        for id in ("s-1", "s-2", "s-3"):
            w.put(id, id)
        for id in ("s-1", "s-2", "s-3"):
            one = w.parked(id)
            assert one["parked"] == "step" and one["error"]["class"] == "unknown_outcome"
        code, out, err = belay("saga", "settle", "pay/s-1", "--how", "done", "--result", "{", data=w.data)
        assert code == 64 and "--result is no JSON" in err
        code, out, err = belay("saga", "settle", "pay/s-1", "--how", "retry", data=w.data)
        assert code == 64 and "belay saga retry" in err
        told = w.say("settle", "pay/s-1", "--how", "done", "--result", '{"token":"t-9"}', "--reason", "bank statement")
        assert told["done"] and told["word"] == "done" and told["by"] and told["id"] == "s-1"
        until(lambda: w.state("s-1")["state"] == "compensated")  # tell is refused
        one = w.state("s-1")
        assert one["steps"]["charge"]["body"] == {"token": "t-9"} and one["steps"]["charge"]["settled_by"] == told["by"]
        assert any(h["event"] == "settled_done" and h["detail"].endswith(": bank statement") for h in one["history"])
        w.say("skip", "pay", "s-2", "--reason", "of no use")  # and then there is no token to ship with
        until(lambda: w.state("s-2")["state"] == "compensated")
        assert w.state("s-2")["error"]["type"] == "EXPRESSION:UNDEFINED"
        assert w.state("s-2")["progress"][0]["state"] == "undone"
        w.say("abort", "pay/s-3")
        until(lambda: w.state("s-3")["state"] == "compensated")
        assert w.state("s-3")["error"]["type"] == "SAGA:ABORTED"
        code, out, err = belay("saga", "retry", "pay/s-3", data=w.data)
        assert code == 1 and "compensated" in err
        code, out, err = belay("saga", "retry", "pay/s-9", data=w.data)
        assert code == 1
    finally:
        w.stop()
    assert [(e["id"], e["word"]) for e in w.events()] == [("s-1", "done"), ("s-2", "skip"), ("s-3", "abort")]
    assert w.events()[0]["reason"] == "bank statement" and w.events()[0]["by"]


def test_past_the_pivot_a_refused_step_waits_for_a_person(tmp_path):
    w = Paying(str(tmp_path))
    w.pivot = "true"
    w.write("1")
    w.start()
    try:
        faults(w.payments, lost=1)
        w.put("s-1", "s-1")
        w.parked("s-1")
        w.say("settle", "pay/s-1", "--how", "done", "--result", '{"token":"t-1"}')
        until(lambda: w.state("s-1").get("error", {}).get("type") == "HTTP:CLIENT_ERROR")
        one = w.parked("s-1")
        assert one["step"] == "tell" and [p["state"] for p in one["progress"]] == ["done", "done", "failed"]
        code, out, err = belay("saga", "abort", "pay/s-1", data=w.data)
        assert code == 1 and "past its pivot" in err
        w.say("skip", "pay/s-1")
        until(lambda: w.state("s-1")["state"] == "completed")
    finally:
        w.stop()


def test_a_step_that_takes_too_long_has_failed(tmp_path):
    w = Paying(str(tmp_path))
    w.start()
    try:
        faults(w.payments, lost=1)
        faults(w.warehouse, error=1)
        w.put("s-1", "s-1")
        w.parked("s-1")
        w.say("settle", "pay/s-1", "--how", "done", "--result", '{"token":"t-1"}')
        until(lambda: w.state("s-1").get("error", {}).get("type") == "SAGA:STEP_TIMEOUT")
        faults(w.warehouse, error=0)
        until(lambda: w.state("s-1")["state"] == "compensated")
        assert any(h["event"] == "step_timeout" for h in w.state("s-1")["history"])
    finally:
        w.stop()


def test_a_saga_that_was_alone_at_two_deaths_is_parked_with_its_story_and_the_rest_go_on(tmp_path):
    w = Paying(str(tmp_path))
    path = os.path.join(w.config, "belay.yaml")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace("timeout: 2s", "timeout: 5m").replace("timeout: 1s", "timeout: 1m")
                .replace("$steps.charge.body.token", "id"))
    w.start()
    try:
        w.faults(warehouse={"timeout": 1.0})
        w.put("deadly", "d")
        for _ in range(2):
            until(lambda: w.state("deadly").get("step") == "ship"
                  and belay_json("status", data=w.data)["engine"]["calls_in_flight"] == 1)
            w.kill()
            w.start()
        shown = w.parked("deadly")
        assert shown["error"]["type"] == "POISON:CRASH" and "2 times" in shown["error"]["description"]
        assert [e["detail"] for e in shown["history"] if e["event"] == "crashed"] == [
            "the process died while this saga alone was at work"] * 2
        w.faults(warehouse={"timeout": 0})
        w.put("fine", "d")
        until(lambda: w.state("fine")["state"] == "compensated")  # its last step is refused
        assert w.state("deadly")["state"] == "parked"
        w.say("retry", "pay/deadly", "--reason", "mended")
        until(lambda: any(e["event"] == "done" and e["step"] == "ship" for e in w.state("deadly")["history"]))
    finally:
        w.stop()


WAITS = """
topics: {{ facts: {{}} }}
sagas:
  pay:
    from: {{ queue: work }}
    id: "{{% id %}}"
    steps:
      - name: paid
        await: {{ topic: facts, match: "{{% id %}}", timeout: 1h }}
"""


class Waiting(Small):
    """POST /work with the key "start" starts a saga; with any other key it is an event."""

    def write(self, version, more=""):
        head, _, _ = FLOW.partition("  work:\n    from:")
        publish = '      - publish: {{ queue: work, key: "{{% key %}}" }}\n'
        assert publish in head
        choose = ('      - choose:\n          - when: "{{% key = \'start\' %}}"\n            steps: [ {{ publish: {{ queue: work }} }} ]\n'
                  '          - otherwise: [ {{ publish: {{ topic: facts, key: "{{% key %}}" }} }} ]\n')
        with open(os.path.join(self.config, "belay.yaml"), "w") as f:
            f.write((head.replace(publish, choose) + WAITS).format(warehouse=self.warehouse, api=self.api, version=version))


def test_an_event_of_no_saga_is_seen_holds_back_no_other_and_is_set_aside(tmp_path):
    world = Waiting(str(tmp_path))
    try:
        world.start()
        world.put("nobody", "customer-7")
        counted = lambda: belay_json("saga", "ls", data=world.data)["sagas"][0]
        until(lambda: counted()["events_waiting"] == 1)
        assert "EVENTS" in belay("saga", "ls", data=world.data, check=True)[1]
        world.put("x", "start")
        until(lambda: counted()["running"] == 1)
        world.put("x", "customer-7")  # the same key: it is not held back
        until(lambda: counted()["completed"] == 1)
        [lane] = belay_json("lane", "ls", "--flow", "pay/paid", data=world.data)["lanes"]
        assert lane["key"] == "nobody" and "waits for its saga" in lane["why"], lane
        belay("lane", "skip", "pay/paid", "nobody", "--reason", "no such order", data=world.data, check=True)
        [letter] = until(lambda: belay_json("dlq", "ls", "--flow", "pay/paid", data=world.data)["letters"])
        belay("dlq", "discard", "pay/paid", str(letter["sequence"]), "--reason", "no such order", data=world.data, check=True)
        until(lambda: belay("audit", data=world.data, check=True)[1].count("lost 0"))
    finally:
        world.stop()
