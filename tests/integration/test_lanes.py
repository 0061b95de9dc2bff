"""Lanes through the real binary: parked by hand, released, retried, skipped, moved; who did it; what is said of them."""
import getpass

import pytest

from test_letters import api
from test_operations import Small, shipped
from world import belay, belay_json, until

ASIDE = """
  aside:
    from: { queue: aside }
    steps:
      - call: { connection: warehouse, method: PUT, path: "/shipments/{% 'aside-' & id %}" }
"""


@pytest.fixture
def small(tmp_path):
    w = Small(str(tmp_path))
    with open(w.config + "/belay.yaml") as f:
        text = f.read().replace("queues:\n  work: {}\n", "queues:\n  work: {}\n  aside: {}\n  quiet: {}\n")
    with open(w.config + "/belay.yaml", "w") as f:
        f.write(text + ASIDE)
    w.start()
    yield w
    w.stop()


def lanes(world, *args):
    return belay_json("lane", "ls", *args, data=world.data)["lanes"]


def lane(world, key):
    return belay_json("lane", "show", "work", key, data=world.data)


def do(world, *args):
    return belay("lane", *args, data=world.data)


def test_a_key_parked_by_hand_is_held_over_a_kill_and_goes_on_in_order(small):
    assert do(small, "park", "work", "a", "--reason", "stock-taking")[0] == 0
    assert lane(small, "a")["state"] == "hand" and lane(small, "a")["head"] == 0
    for i in range(4):
        small.put(f"a-{i}", "a")
        small.put(f"b-{i}", "b")
    until(lambda: all(shipped(small, f"b-{i}") for i in range(4)))
    until(lambda: lane(small, "a")["held"] == 3)
    small.kill()
    small.start()
    small.put("a-4", "a")
    until(lambda: lane(small, "a")["held"] == 4)
    assert not any(shipped(small, f"a-{i}") for i in range(5))
    shown = lane(small, "a")
    assert shown["reason"] == "stock-taking" and shown["parked_by"] == getpass.getuser()
    assert shown["message"]["body"]["id"] == "a-0" and len(shown["held_sequences"]) == 4
    assert "release" in shown["helps"] and "retry" not in shown["helps"]
    code, _, err = do(small, "retry", "work", "a")
    assert code == 1 and "release it first" in err
    out = belay("lane", "show", "work", "a", data=small.data, check=True)[1]
    assert "belay lane release work a" in out and "stock-taking" in out
    assert do(small, "release", "work", "a")[1] == "work a: release, 1 lane\n"
    until(lambda: all(shipped(small, f"a-{i}") for i in range(5)))
    until(lambda: lanes(small) == [])
    assert do(small, "release", "work", "a")[0] == 1
    assert [e["did"] for e in belay_json("lane", "park", "work", "z", "--reason", "x", data=small.data) and
            lane(small, "z")["trail"]] == ["park"]


def test_skip_makes_the_head_a_dead_letter_and_retry_tries_it_now(small):
    small.faults(warehouse={"error": 1.0})
    small.put("s-0", "s")
    until(lambda: small.letters())
    small.put("s-1", "s")
    until(lambda: lane(small, "s")["held"] == 1)
    assert lane(small, "s")["state"] == "parked" and lane(small, "s")["history"]
    small.faults(warehouse={"error": 0})
    assert do(small, "retry", "work", "s")[0] == 0
    until(lambda: shipped(small, "s-0") and shipped(small, "s-1"))
    small.put("unshippable-1", "u")
    until(lambda: small.letters())
    small.put("u-1", "u")
    code, _, err = do(small, "skip", "work", "u")
    assert code == 64 and "--reason" in err
    assert do(small, "skip", "work", "u", "--reason", "sold out")[0] == 0
    until(lambda: shipped(small, "u-1"))
    assert [x["state"] for x in small.letters()] == ["dead"]
    # one that is held by hand and was never tried: a letter all the same, with who and why
    do(small, "park", "work", "h", "--reason", "x")
    small.put("h-0", "h")
    small.put("h-1", "h")
    until(lambda: lane(small, "h")["held"] == 1)
    assert do(small, "skip", "work", "h", "--reason", "not wanted")[0] == 0
    until(lambda: lane(small, "h")["held"] == 0)
    assert lane(small, "h")["message"]["body"]["id"] == "h-1", "it stays parked, with the next as its head"
    letter = [x for x in small.letters() if x["error"] == "OPERATOR:SKIPPED"][0]
    assert "not wanted" in letter["description"] and letter["attempts"] == 0
    do(small, "release", "work", "h")
    until(lambda: shipped(small, "h-1"))
    assert not shipped(small, "h-0")
    belay("dlq", "replay", "work", str(letter["sequence"]), data=small.data, check=True)
    until(lambda: shipped(small, "h-0"))


def test_what_a_lane_holds_is_moved_once_and_in_order(small):
    do(small, "park", "work", "m", "--reason", "goes elsewhere")
    for i in range(150):
        small.put(f"m-{i}", "m")
    until(lambda: lane(small, "m")["held"] == 149)
    code, _, err = do(small, "move", "work", "m", "--to", "work")
    assert code == 1 and "come back" in err
    assert do(small, "move", "work", "m", "--to", "nowhere")[0] == 1
    assert do(small, "move", "work", "m", "--to", "quiet", "--force")[1] == "work m: 150 messages of 1 lane moved to quiet\n"
    moved = api(small, "/topics/quiet/messages?from=1&count=200")[1]["messages"]
    assert [m["message"]["body"]["id"] for m in moved] == [f"m-{i}" for i in range(150)]
    assert all(m["message"]["key"] == "m" for m in moved)
    assert lane(small, "m")["state"] == "hand" and lane(small, "m")["held"] == 0
    code, _, err = do(small, "move", "work", "m", "--to", "quiet", "--force")
    assert code == 1 and "nothing it holds can be moved" in err
    status = belay_json("status", data=small.data)
    work = [s for s in status["subscriptions"] if s["name"] == "work"][0]
    assert work["discarded"] == 150 and work["lost"] == 0
    for i in range(3):
        small.put(f"n-{i}", "m")
    until(lambda: lane(small, "m")["held"] == 2)
    assert do(small, "move", "work", "m", "--to", "aside")[0] == 0, "a flow, by its queue"
    until(lambda: all(shipped(small, f"aside-n-{i}") for i in range(3)))
    assert not shipped(small, "n-0")
    assert do(small, "release", "work", "m")[0] == 0
    trail = [e["did"] for e in belay_json("lane", "park", "work", "m", "--reason", "again", data=small.data)
             and lane(small, "m")["trail"]]
    assert trail == ["park", "move", "move", "move", "move", "release", "park"], trail


def test_many_lanes_at_once_by_a_filter(small):
    for i in range(5):
        small.put(f"unshippable-{i}", f"cust-{i}")
        small.put(f"o-{i}", f"cust-{i}")
    do(small, "park", "work", "other", "--reason", "x")
    until(lambda: len(lanes(small, "--state", "parked")) == 5 and all(x["held"] == 1 for x in lanes(small, "--key", "cust-*")))
    assert {x["state"] for x in lanes(small)} == {"parked", "hand"}
    assert lanes(small, "--key", "oth?r")[0]["key"] == "other"
    assert lanes(small, "--older", "1h") == [] and lanes(small, "--state", "stalled") == []
    assert len(lanes(small, "--sort", "age", "--count", "3")) == 3
    assert lanes(small, "--sort", "held")[0]["held"] == 1
    code, _, err = do(small, "release", "--flow", "work", "--key", "cust-*")
    assert code == 64 and "--yes" in err
    out = do(small, "release", "--flow", "work", "--key", "cust-*", "--yes")[1]
    assert out == "work cust-*: release, 5 lanes\n"
    until(lambda: all(shipped(small, f"o-{i}") for i in range(5)))
    assert len(small.letters()) == 5 and lanes(small)[0]["key"] == "other"
    assert do(small, "ls", "--state", "nonsense")[0] == 1
    assert "KEY" in do(small, "ls")[1] and "parked by" in do(small, "ls")[1]


STOP = """
  stopping:
    from: { queue: stopping }
    lanes: { key: "{% key %}", on_exhausted: stop }
    retry: { max_attempts: 1 }
    steps:
      - call: { connection: warehouse, method: PUT, path: "/shipments/{% id %}" }
  skipping:
    from: { queue: skipping }
    lanes: { key: "{% key %}", on_exhausted: skip }
    retry: { max_attempts: 1 }
    steps:
      - call: { connection: warehouse, method: PUT, path: "/shipments/{% id %}" }
  spread:
    from: { queue: work2 }
    steps:
      - publish: { queue: "{% to %}", key: "{% key %}" }
alerts:
  rules:
    stalled-key: { on: stalled_key, above: 1s }
    parked-key: { on: parked_keys, above: 0 }
"""


@pytest.fixture
def stopping(tmp_path):
    w = Small(str(tmp_path))
    with open(w.config + "/belay.yaml") as f:
        text = f.read().replace("queues:\n  work: {}\n", "queues:\n  work: {}\n  work2: {}\n  stopping: {}\n  skipping: {}\n")
    text = text.replace("- publish: { queue: work,", "- publish: { queue: \"{% $exists(to) ? 'work2' : 'work' %}\",")
    text = text.replace("max_attempts: 2, initial: 10ms, max: 20ms", "max_attempts: 9, initial: 20s, jitter: none")
    with open(w.config + "/belay.yaml", "w") as f:
        f.write(text + STOP)
    w.start()
    yield w
    w.stop()


def to(world, queue, item, key):
    from test_operations import ask
    assert ask(world.api, "POST", "/work", {"id": item, "key": key, "to": queue})[0] == 202


def test_on_exhausted_skip_lets_the_key_go_on_and_stop_pauses_the_flow(stopping):
    to(stopping, "skipping", "unshippable-1", "k")
    to(stopping, "skipping", "k-2", "k")
    until(lambda: shipped(stopping, "k-2"))
    letters = until(stopping.letters)
    assert [(x["flow"], x["state"], x["held"]) for x in letters] == [("skipping", "dead", 0)]
    assert lanes(stopping) == []
    to(stopping, "stopping", "unshippable-2", "s")
    until(lambda: len(stopping.letters()) == 2)
    to(stopping, "stopping", "s-2", "s")
    to(stopping, "stopping", "t-1", "t")
    status = belay_json("status", data=stopping.data)
    sub = [s for s in status["subscriptions"] if s["name"] == "stopping"][0]
    assert "on_exhausted: stop" in sub["paused"] and sub["dead"] == 1 and sub["parked"] == 0
    stopping.kill()
    stopping.start()
    assert not shipped(stopping, "s-2") and not shipped(stopping, "t-1")
    belay("flow", "resume", "stopping", data=stopping.data, check=True)
    until(lambda: shipped(stopping, "s-2") and shipped(stopping, "t-1"))


def test_a_key_that_stands_is_told(stopping):
    stopping.faults(warehouse={"error": 1.0})
    stopping.put("w-1", "w")
    stopping.put("w-2", "w")
    until(lambda: lane(stopping, "w")["held"] == 1)
    assert lane(stopping, "w")["state"] == "waiting"
    assert lane(stopping, "w")["why"].startswith("waits for try 2 until ")

    def firing():
        return [(a["rule"], a["subject"]) for a in belay_json("alert", "ls", data=stopping.data)["alerts"]
                if a["state"] == "firing"]
    until(lambda: ("stalled-key", "work") in firing())
    assert lanes(stopping, "--state", "stalled", "--older", "1s", "--sort", "age")[0]["key"] == "w"
    stopping.faults(warehouse={"error": 0})
    assert do(stopping, "retry", "work", "w")[0] == 0
    until(lambda: shipped(stopping, "w-1") and shipped(stopping, "w-2"))
    until(lambda: ("stalled-key", "work") not in firing())
    stopping.put("unshippable-3", "x")
    until(lambda: ("parked-key", "work") in firing())
