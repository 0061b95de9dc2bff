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
    assert "belay lane release 'work' 'a'" in out and "stock-taking" in out
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
    assert do(small, "move", "work", "m", "--to", "quiet")[1] == "work m: 150 messages of 1 lane moved to quiet\n"
    moved = api(small, "/topics/quiet/messages?from=1&count=200")[1]["messages"]
    assert [m["message"]["body"]["id"] for m in moved] == [f"m-{i}" for i in range(150)]
    assert all(m["message"]["key"] == "m" for m in moved)
    assert lane(small, "m")["state"] == "hand" and lane(small, "m")["held"] == 0
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
