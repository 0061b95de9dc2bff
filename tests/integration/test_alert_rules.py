"""Each built-in alert rule fires through the real binary when what it watches happens, and is over when that is."""
import json
import os
import shutil
import signal
import time

import pytest

from test_doors import authority, certificate, https
from test_operations import Small
from world import belay, belay_json, demo, until

CONFIG = """
belay: 1
name: rules
connections:
  warehouse: {{ http: {{ base_url: "http://127.0.0.1:{warehouse}" }}, timeout: 1s, breaker: {breaker}, retry_budget: {{ share: 1, floor: 1000 }} }}
  partner: {{ http: {{ base_url: "https://127.0.0.1:9", client_cert: client.pem, client_key: client.key }} }}
apis:
  door: {{ listen: "127.0.0.1:{api}", openapi: door.yaml, max_wait: 100ms }}
  secure: {{ listen: "127.0.0.1:{secure}", openapi: door.yaml, tls: {{ cert: server.pem, key: server.key }} }}
queues:
  work: {{ max_messages: 3 }}
  orders: {{}}
topics:
  paid: {{}}
flows:
  take:
    from: {{ api: door, operation: put }}
    steps: [ {{ publish: {{ queue: "{{% key = 'saga' ? 'orders' : 'work' %}}", key: "{{% key %}}" }} }} ]
    reply: {{ status: 202 }}
  look:
    from: {{ api: secure, operation: put }}
    steps: [ {{ publish: {{ queue: work, key: "{{% key %}}" }} }} ]
    reply: {{ status: 202 }}
  work:
    from: {{ queue: work }}
    lanes: {{ key: "{{% key %}}", on_exhausted: skip }}
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
    retry: {{ max_attempts: {tries}, initial: 50ms, max: 100ms }}
sagas:
  order:
    from: {{ queue: orders }}
    id: "{{% id %}}"
    steps:
      - name: ship
        call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
        compensate: {{ call: {{ connection: warehouse, method: PUT, path: "/shipments/unshippable-{{% id %}}" }} }}
      - name: paid
        await: {{ topic: paid, match: "{{% id %}}", timeout: {timeout} }}
alerts:
  rules:
    saga-stuck: {{ on: saga_idle, above: 1s }}
    letters-old: {{ on: letters_age, above: 1s }}
    letters-many: {{ on: letters, above: 2 }}
    stalled: {{ on: oldest, above: 1s }}
    lag: {{ on: queued, above: 1, of: work }}
    queue-full: {{ on: queue_full }}
    certificate-expiring: {{ on: certificate, below: {days} }}
"""


class Rules(Small):
    def __init__(self, folder):
        self.secure, self.values = demo.free_port(), {"tries": 1, "timeout": "1h", "days": "21d", "breaker": "false"}
        super().__init__(folder)
        authority(folder, "ca")
        for name in ("server", "client"):
            certificate(folder, name, "/CN=127.0.0.1", "ca")
            for end in ("pem", "key"):
                shutil.copy(os.path.join(folder, f"{name}.{end}"), self.config)

    def write(self, version, more=""):
        with open(os.path.join(self.config, "belay.yaml"), "w") as f:
            f.write(CONFIG.format(warehouse=self.warehouse, api=self.api, secure=self.secure, **self.values) + more)

    def change(self, **values):
        def reloads():
            with open(os.path.join(self.folder, "belay.log")) as log:
                return log.read().count('"config.reloaded"')
        before = reloads()
        self.values.update(values)
        self.write("1")
        self.belay.send_signal(signal.SIGHUP)
        until(lambda: reloads() > before)

    def firing(self):
        alerts = belay_json("alert", "ls", data=self.data)["alerts"]
        return {(a["rule"], a["subject"]): a["shown"] for a in alerts if a["state"] == "firing"}

    def fires(self, rule, subject):
        return until(lambda: self.firing().get((rule, subject)))

    def is_over(self, rule, subject):
        until(lambda: (rule, subject) not in self.firing())


@pytest.fixture
def rules(tmp_path):
    w = Rules(str(tmp_path))
    w.start()
    yield w
    w.stop()


def test_letters_new_groups_their_age_and_their_number(rules):
    rules.put("unshippable-1", "a")
    assert rules.fires("dead-letters", "work") == "1"
    assert rules.fires("new-group", "work") == "1"
    assert rules.fires("letters-old", "work")
    rules.put("unshippable-2", "a")
    until(lambda: rules.firing()[("dead-letters", "work")] == "2")
    assert rules.firing()[("new-group", "work")] == "1", "it failed as the first one did"
    assert ("letters-many", "work") not in rules.firing()
    rules.put("unshippable-3", "a")
    assert rules.fires("letters-many", "work") == "3"
    rules.faults(warehouse={"error": 1.0})
    rules.put("w-1", "a")
    until(lambda: rules.firing()[("new-group", "work")] == "2")
    rules.kill()
    rules.start()
    assert rules.fires("new-group", "work") == "2", "a group that nobody was told of before a crash is told of after it"
    belay("dlq", "discard", "--all", "--reason", "a test", "--yes", data=rules.data, check=True)
    for rule in ("dead-letters", "letters-old", "letters-many"):
        rules.is_over(rule, "work")


def test_lag_the_oldest_message_and_a_full_queue(rules):
    rules.change(tries=1000)
    rules.faults(warehouse={"error": 1.0})
    for i in range(3):
        rules.put(f"w-{i}", "a")
    assert rules.fires("stalled", "work")
    assert rules.fires("queue-full", "work") == "yes"
    assert demo.ask(rules.api, "POST", "/work", {"id": "w-4", "key": "a"})[0] == 503
    _, metrics, _ = belay("status", "--json", data=rules.data)
    [queue] = [t for t in belay_json("status", data=rules.data)["topics"] if t["name"] == "work"]
    assert queue["full"] == "max_messages" and queue["times_full"] > 0
    rules.faults(warehouse={"error": 0})
    rules.is_over("stalled", "work")
    belay("flow", "pause", "work", "--reason", "a test", data=rules.data, check=True)
    for i in range(2):
        rules.put(f"v-{i}", "b")
    assert rules.fires("lag", "work") == "2"
    belay("flow", "resume", "work", data=rules.data, check=True)
    rules.is_over("lag", "work")
    rules.is_over("queue-full", "work")


def test_a_saga_that_does_not_move_and_a_compensation_that_fails(rules):
    rules.put("o-1", "saga")
    assert rules.fires("saga-stuck", "order")
    rules.change(timeout="100ms")
    rules.put("o-2", "saga")  # it times out, and what was done is not to be undone
    assert rules.fires("compensation-failed", "order") == "1"
    assert rules.fires("sagas-parked", "order") == "1"
    belay("saga", "skip", "order/o-2", "--reason", "a test", data=rules.data, check=True)
    rules.is_over("sagas-parked", "order")


def test_certificates_that_end_soon_are_told_until_they_are_renewed(rules):
    assert rules.fires("certificate-expiring", "api secure").startswith("1d23h")
    assert rules.fires("certificate-expiring", "connection partner").startswith("1d23h")
    folder = rules.config
    for end in ("pem", "key"):
        shutil.copy(os.path.join(rules.folder, f"ca.{end}"), folder)
    for name in ("server", "client"):
        certificate(folder, name, "/CN=127.0.0.1", "ca", "90")
    rules.change()
    rules.is_over("certificate-expiring", "api secure")
    rules.is_over("certificate-expiring", "connection partner")
    rules.change(days="120d")
    assert rules.fires("certificate-expiring", "api secure").startswith("89d")


def test_a_breaker_that_is_open(rules):
    rules.change(breaker="{ min_calls: 2, open: 30s }", tries=1000)
    rules.faults(warehouse={"error": 1.0})
    rules.put("w-1", "a")
    assert rules.fires("breaker-open", "warehouse") == "yes"
    _, out, _ = belay("status", data=rules.data)
    assert "breaker-open warehouse" in out


def test_a_replay_under_way_is_in_status(rules):
    for i in range(3):
        rules.put(f"unshippable-{i}", "a")
    until(lambda: len(rules.letters()) == 3)
    belay("dlq", "replay", "--all", "--rate", "1/h", "--yes", "--detach", data=rules.data)
    until(lambda: belay_json("status", data=rules.data)["replays"])
    _, out, _ = belay("status", data=rules.data)
    assert "replay job 1 by" in out
    belay("dlq", "job", "pause", "1", data=rules.data, check=True)
    _, out, _ = belay("status", data=rules.data)
    assert "! replay job 1" in out and "belay dlq job resume 1" in out
    belay("dlq", "job", "cancel", "1", data=rules.data, check=True)
    until(lambda: not belay_json("status", data=rules.data)["replays"])


EXPIRING = """    dead_letters: {{ expire_after: 4s, reason: prices of yesterday }}
"""


def test_letters_go_only_as_the_flow_says_and_somebody_is_told_before(rules):
    rules.put("unshippable-1", "a")
    until(rules.letters)
    path = os.path.join(rules.config, "belay.yaml")
    with open(path) as f:
        text = f.read()
    with_policy = text.replace("    lanes: { key: \"{% key %}\", on_exhausted: skip }\n",
                               "    lanes: { key: \"{% key %}\", on_exhausted: skip }\n" + EXPIRING.format())
    assert with_policy != text
    with open(path, "w") as f:
        f.write(with_policy)
    code, out, err = belay("lint", rules.config)
    assert code != 0 and "expires-unseen" in out + err and "no alert tells anybody" in out + err
    with open(path, "w") as f:
        f.write(with_policy.replace("alerts:\n", "alerts:\n  to: quiet\n  channels: { quiet: { log: {} } }\n"))
    code, out, err = belay("lint", rules.config)
    assert code == 0, out + err
    rules.belay.send_signal(signal.SIGHUP)
    until(lambda: rules.firing().get(("letters-expiring", "work")) or not rules.letters())
    until(lambda: not rules.letters())
    [sub] = [s for s in belay_json("status", data=rules.data)["subscriptions"] if s["name"] == "work"]
    assert sub["expired"] == 1 and sub["discarded"] == 0
    with open(os.path.join(rules.folder, "belay.log")) as log:
        [line] = [json.loads(line) for line in log if '"letter.expired"' in line]
    assert line["letters"] == "1 letter: 1" and line["flow"] == "work" and line["why"] == "expire_after"
    rules.kill()
    rules.start()
    code, out, err = belay("audit", data=rules.data)
    assert code == 0 and "lost 0" in out, out + err


def test_letters_of_a_saga_go_as_it_says_and_who_waits_for_a_person_stays(rules):
    rules.put("", "saga")               # no id: it can start none
    [letter] = until(rules.letters)
    assert letter["flow"] == "order" and letter["error"] == "SAGA:ID"
    path = os.path.join(rules.config, "belay.yaml")
    with open(path) as f:
        text = f.read()
    with_policy = text.replace("  order:\n    from: { queue: orders }\n", "  order:\n    from: { queue: orders }\n" + EXPIRING.format())
    assert with_policy != text
    with open(path, "w") as f:
        f.write(with_policy)
    code, out, err = belay("lint", rules.config)
    assert code != 0 and "letters of 'order' expire" in out + err and "letters of 'order/paid' expire" in out + err
    with open(path, "w") as f:
        f.write(with_policy.replace("alerts:\n", "alerts:\n  to: quiet\n  channels: { quiet: { log: {} } }\n"))
    code, out, err = belay("lint", rules.config)
    assert code == 0, out + err
    rules.put("waits-1", "saga")
    until(lambda: belay_json("saga", "ls", "order", data=rules.data)["instances"])
    rules.belay.send_signal(signal.SIGHUP)
    until(lambda: not rules.letters())
    subs = {s["name"]: s for s in belay_json("status", data=rules.data)["subscriptions"]}
    assert subs["order"]["expired"] == 1 and subs["order"]["discarded"] == 0 and subs["order/paid"]["expired"] == 0
    with open(os.path.join(rules.folder, "belay.log")) as log:
        [line] = [json.loads(line) for line in log if '"letter.expired"' in line]
    assert line["letters"] == "1 letter: 1" and line["flow"] == "order"
    assert [i["id"] for i in belay_json("saga", "ls", "order", data=rules.data)["instances"]] == ["waits-1"]
    code, out, err = belay("audit", data=rules.data)
    assert code == 0 and "lost 0" in out, out + err
