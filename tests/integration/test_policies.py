"""Retry policies, retry budget, breaker, rate and quick tries, through the real binary and a failing partner."""
import os
import time

import pytest

from world import belay, belay_json, demo, until
from test_operations import DOOR, Small, shipped

ask = demo.ask

FLOW = """
belay: 1
name: small
policies:
  patient:
    max_attempts: 50
    initial: 20ms
    max: 100ms
    rules:
      - {{ when: [ "HTTP:409", "HTTP:TIMEOUT" ], max_attempts: 3 }}
connections:
  warehouse:
    http: {{ base_url: "http://127.0.0.1:{warehouse}" }}
    timeout: 1s
    retry: patient
    retry_budget: {{ share: 0.2, floor: 5 }}
    breaker: {{ min_calls: 5, window: 2s, open: 500ms, open_max: 1s, probes: 1 }}
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
    lanes: {{ key: "{{% key %}}", concurrency: 16 }}
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
"""


class Policies(Small):
    flow = FLOW

    def connection(self):
        return belay_json("status", data=self.data)["connections"][0]


@pytest.fixture
def small(tmp_path):
    w = Policies(str(tmp_path))
    w.start()
    yield w
    w.stop()


def test_an_outage_opens_the_breaker_and_everything_arrives_when_it_is_over(small):
    small.faults(warehouse={"error": 1.0})
    for i in range(40):
        small.put(f"o-{i}", f"o-{i}")
    until(lambda: small.connection()["breaker"] == "open")
    text = belay("status", data=small.data, check=True)[1]
    assert "! warehouse fails: its breaker is open until" in text
    began, calls = time.monotonic(), small.connection()["calls"]
    time.sleep(3)
    called = small.connection()["calls"] - calls
    assert called <= 2 + 2 * (time.monotonic() - began)  # one probe a second, no storm
    assert small.letters() == []
    small.faults(warehouse={"error": 0})
    until(lambda: all(shipped(small, f"o-{i}") for i in range(40)))
    assert small.letters() == []
    assert small.connection()["breaker"] == "closed"


def test_what_waits_behind_an_open_breaker_survives_a_kill(small):
    small.faults(warehouse={"error": 1.0})
    for i in range(20):
        small.put(f"k-{i}", f"k-{i}")
    until(lambda: small.connection()["breaker"] != "closed")
    small.kill()
    small.faults(warehouse={"error": 0})
    small.start()
    until(lambda: all(shipped(small, f"k-{i}") for i in range(20)))
    assert small.letters() == []


def test_a_rule_of_the_policy_counts_for_its_errors(small):
    small.put("unshippable-1", "u")
    until(lambda: small.letters())
    assert small.letters()[0]["attempts"] == 1  # an answer that says no is not retried, whatever a rule says
    small.faults(warehouse={"timeout": 1.0})
    small.put("t-1", "t")
    until(lambda: len(small.letters()) == 2)
    late = [letter for letter in small.letters() if letter["key"] == "t"][0]
    assert late["attempts"] == 3 and late["error"] == "HTTP:TIMEOUT"


def test_breaker_and_budget_are_in_the_metrics(small):
    small.put("m-1", "m")
    until(lambda: shipped(small, "m-1"))
    metrics = small.metrics() if hasattr(small, "metrics") else belay("status", "--json", data=small.data)[1]
    assert "retries" in metrics


def test_lint_names_a_connection_whose_retries_nothing_bounds(tmp_path):
    (tmp_path / "door.yaml").write_text(DOOR)
    f = tmp_path / "belay.yaml"
    f.write_text("belay: 1\nname: a\nconnections:\n  c: { http: { base_url: http://h }, retry_budget: 0, breaker: false }\n")
    code, out, err = belay("lint", str(f))
    assert "[storm]" in out + err
