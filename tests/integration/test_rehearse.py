"""belay dlq replay --dry-run, through the real binary: what would be sent is told, nothing is sent, nothing changes."""
import json
import os

import pytest

from test_operations import FLOW, Small, shipped
from world import belay, until

TWO = FLOW.replace('path: "/shipments/{{% id %}}" }}', '''path: "/shipments/{{% id %}}", body: "{{% {{ 'was': id }} %}}" }}
        name: ship
        as: shipment
      - publish: {{ queue: done, key: "{{% key %}}", body: "{{% $shipment.body %}}" }}''') \
    .replace("queues:\n", "queues:\n  done: {{}}\n") \
    .replace("    timeout: 1s\n", "    timeout: 1s\n    idempotency: {{ header: Idempotency-Key }}\n") \
    .replace('http: {{ base_url: "http://127.0.0.1:{warehouse}" }}',
             'http: {{ base_url: "http://127.0.0.1:{warehouse}", headers: {{ x-api-key: "s3cret" }} }}')


class Two(Small):
    flow = TWO


@pytest.fixture
def small(tmp_path):
    w = Two(str(tmp_path))
    w.start()
    yield w
    w.stop()


def rehearse(world, *words):
    code, out, err = belay("dlq", "replay", *words, "--dry-run", "--json", data=world.data)
    assert out, err
    return code, json.loads(out)


def test_what_would_be_sent_is_told_and_nothing_is_sent(small, tmp_path):
    small.put("unshippable-1", "a")
    letter = until(lambda: small.letters())[0]
    name = (letter["flow"], str(letter["sequence"]))
    before = small.ledger()
    code, told = rehearse(small, *name)
    call, = told["calls"]
    assert code == 0 and told["end"] == "stopped" and told["why"] == "here the answer decides"
    assert call["method"] == "PUT" and call["url"] == f"http://127.0.0.1:{small.warehouse}/shipments/unshippable-1"
    assert call["body"] == {"was": "unshippable-1"} and call["answered"] == "no" and call["step"] == "ship"
    assert call["headers"]["x-api-key"] == "[redacted]" and call["headers"]["Idempotency-Key"].startswith('"')
    answers = tmp_path / "answers.json"
    answers.write_text('{"warehouse": {"status": 201, "body": {"ok": 1}}}')
    code, told = rehearse(small, *name, "--answers", str(answers))
    assert code == 0 and told["end"] == "done" and told["calls"][0]["answered"] == "given"
    assert [(p["topic"], p["key"], p["body"]) for p in told["publishes"]] == [("done", "a", {"ok": 1})]
    answers.write_text('{"ship": {"status": 409}}')
    code, told = rehearse(small, *name, "--answers", str(answers))
    assert code == 1 and told["end"] == "letter" and told["fault"]["error"] == "HTTP:CLIENT_ERROR" and told["parks"]
    assert small.ledger() == before and small.letters() == [letter]
    answers.write_text("{")
    assert belay("dlq", "replay", *name, "--dry-run", "--answers", str(answers), data=small.data)[0] == 64
    assert belay("dlq", "replay", "work", "99", "--dry-run", data=small.data)[0] == 1


def test_all_of_them_for_a_person(small):
    for i in range(3):
        small.put(f"unshippable-{i}", f"k-{i}")
    until(lambda: len(small.letters()) == 3)
    code, out, err = belay("dlq", "replay", "--all", "--dry-run", "--from-start", "--count", "2", data=small.data)
    assert code == 0 and out.count("would call warehouse at ship: PUT http://127.0.0.1:") == 2
    assert "here the answer decides" in out and "there are more letters" in err and "s3cret" not in out
    assert len(small.letters()) == 3 and not shipped(small, "unshippable-0")
