"""Replay jobs through the real binary: kill -9, two operators, pause, cancel, rate, shutdown."""
import json
import os
import signal
import subprocess
import time

import pytest

from test_operations import Small, shipped
from world import BELAY, belay, belay_json, until


@pytest.fixture
def small(tmp_path):
    w = Small(str(tmp_path))
    w.start()
    yield w
    w.stop()


def fail(world, count, prefix="r", key=None):
    """count letters, by a warehouse that is out of order, which then works again."""
    world.faults(warehouse={"error": 1.0})
    for i in range(count):
        world.put(f"{prefix}-{i}", key or f"{prefix}-{i}")
    until(lambda: figures(world)["parked"] + figures(world)["dead"] == (1 if key else count))
    world.faults(warehouse={"error": 0})


def figures(world):
    return next(s for s in belay_json("status", data=world.data)["subscriptions"] if s["name"] == "work")


def start(world, *options):
    return belay_json("dlq", "replay", "--all", "--detach", *options, data=world.data)["job"]


def job(world, number):
    return belay_json("dlq", "job", "show", str(number), data=world.data)


def ended(world, number, state="done"):
    return until(lambda: (j := job(world, number))["state"] == state and j["under_way"] == 0 and j)


def test_a_job_goes_on_after_a_kill_and_replays_each_letter_once(small):
    fail(small, 60)
    number = start(small, "--rate", "40/s")
    until(lambda: job(small, number)["taken"] >= 5)
    small.kill()
    small.start()
    seen = job(small, number)
    assert seen["state"] == "running" and 5 <= seen["taken"] < 60
    done = ended(small, number)
    assert (done["taken"], done["done"], done["failed"], done["skipped"]) == (60, 60, 0, 0)
    assert all(shipped(small, f"r-{i}") for i in range(60))
    assert figures(small)["done"] == 60 and small.letters() == []


def test_a_paused_job_stays_paused_over_a_restart_and_is_resumed_and_cancelled(small):
    fail(small, 40)
    number = start(small, "--rate", "5/s")
    until(lambda: job(small, number)["taken"] >= 2)
    belay("--as", "ann", "dlq", "job", "pause", str(number), data=small.data, check=True)
    ended(small, number, "paused")
    taken = job(small, number)["taken"]
    small.kill()
    small.start()
    time.sleep(0.5)
    assert job(small, number)["taken"] == taken and "ann" in job(small, number)["changed_by"]
    code, _, err = belay("dlq", "job", "pause", str(number), data=small.data)
    assert code == 1 and "is paused" in err
    belay("dlq", "job", "resume", str(number), data=small.data, check=True)
    until(lambda: job(small, number)["taken"] > taken)
    belay("dlq", "job", "cancel", str(number), data=small.data, check=True)
    over = ended(small, number, "cancelled")
    assert over["taken"] < 40 and figures(small)["parked"] == 40 - over["taken"]
    code, _, err = belay("dlq", "job", "resume", str(number), data=small.data)
    assert code == 1 and "is cancelled" in err
    assert [j["state"] for j in belay_json("dlq", "jobs", data=small.data)["jobs"]] == ["cancelled"]
    code, _, err = belay("dlq", "job", "show", "77", data=small.data)
    assert code == 1 and "no replay job 77" in err


def test_two_operators_on_one_letter(small):
    fail(small, 1)
    letter = small.letters()[0]
    name = (letter["flow"], str(letter["sequence"]))
    small.faults(warehouse={"timeout": 1.0})
    number = start(small)
    until(lambda: job(small, number)["under_way"] == 1)
    for verb in ("replay", "release"):
        code, _, err = belay("dlq", verb, *name, data=small.data)
        assert code == 1 and f"is being replayed by job {number}" in err
    second = start(small)
    small.faults(warehouse={"timeout": 0})
    assert ended(small, second)["taken"] == 0
    ended(small, number)
    code, _, err = belay("dlq", "replay", *name, data=small.data)
    assert code == 1 and "409" in err


def test_a_rate_is_kept_and_progress_is_told_line_by_line(small):
    fail(small, 30)
    before = time.monotonic()
    done = subprocess.run([BELAY, "dlq", "replay", "--all", "--rate", "20/s", "--json", "--data", small.data],
                          capture_output=True, text=True, timeout=60)
    took = time.monotonic() - before
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(lines) > 2
    assert [x["taken"] for x in lines] == sorted(x["taken"] for x in lines)
    assert lines[-1]["state"] == "done" and lines[-1]["done"] == 30 and lines[-1]["rate"] == "20/s"
    assert took > 1.3 # 30 letters at 20 a second
    code, _, err = belay("dlq", "replay", "--all", "--rate", "fast", data=small.data)
    assert code == 1 and "100/s" in err


def test_letters_that_fail_again_are_not_taken_twice_and_keep_their_history(small):
    fail(small, 5)
    small.faults(warehouse={"error": 1.0})
    code, out, _ = belay("dlq", "replay", "--all", "--flow", "work", "--error", "HTTP", data=small.data)
    assert code == 1 and "5 letters again" in out
    letters = small.letters()
    assert len(letters) == 5 and all(x["attempts"] == 4 for x in letters)
    with open(os.path.join(small.folder, "belay.log")) as log:
        ends = [json.loads(line) for line in log if '"replay.done"' in line]
    assert [(e["level"], e["job"], e["failed"]) for e in ends] == [("warn", "1", "5")]


def test_ctrl_c_leaves_the_job_running_and_says_so(small):
    fail(small, 20)
    cli = subprocess.Popen([BELAY, "dlq", "replay", "--all", "--rate", "4/s", "--data", small.data],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: belay_json("dlq", "jobs", data=small.data)["jobs"])
    time.sleep(0.3)
    cli.send_signal(signal.SIGINT)
    _, err = cli.communicate(timeout=60)
    assert cli.returncode == 130 and "job 1 goes on" in err and "dlq job cancel 1" in err
    assert ended(small, 1)["done"] == 20


def test_a_replay_during_a_shutdown_loses_nothing(small):
    fail(small, 200)
    number = start(small, "--concurrency", "8")
    small.belay.send_signal(signal.SIGTERM)
    small.belay.wait(timeout=60)
    small.start()
    done = ended(small, number)
    assert done["taken"] == done["done"] == 200 and figures(small)["lost"] == 0


def test_letters_of_one_key_go_one_after_the_other(small):
    fail(small, 6, prefix="k", key="one")
    small.faults(warehouse={"error": 1.0})
    for n in range(1, 6): # each parks the key anew; released, it is a dead letter
        letter = until(lambda: next((x for x in small.letters() if x["state"] == "parked"), None))
        belay("dlq", "release", "work", str(letter["sequence"]), data=small.data, check=True)
        until(lambda: figures(small)["dead"] == n and figures(small)["parked"] == 1)
    small.faults(warehouse={"error": 0})
    number = start(small, "--rate", "20/s")
    most = 0
    while (j := job(small, number))["state"] == "running":
        most = max(most, j["under_way"])
    assert most <= 1 and j["done"] == 6 and all(shipped(small, f"k-{i}") for i in range(6))


def test_a_replayed_letter_takes_the_flow_as_it_is_now(small):
    small.put("unshippable-1", "a")
    letter = until(lambda: small.letters())[0]
    with open(os.path.join(small.config, "belay.yaml")) as f:
        text = f.read()
    with open(os.path.join(small.config, "belay.yaml"), "w") as f:
        f.write(text.replace('"/shipments/{% id %}"', '"/shipments/mended-{% id %}"'))
    small.belay.send_signal(signal.SIGHUP)
    until(lambda: open(os.path.join(small.folder, "belay.log")).read().count("config.reloaded"))
    belay("dlq", "replay", letter["flow"], str(letter["sequence"]), data=small.data, check=True)
    until(lambda: shipped(small, "mended-unshippable-1"))
    assert small.letters() == []


def test_filters_of_a_list_are_those_of_a_job(small):
    fail(small, 6)
    group = small.letters()[0]["group"]
    where = "body.id in ['r-1', 'r-4']"
    done = ended(small, start(small, "--where", where, "--since", "1h", "--group", group))
    assert (done["taken"], done["skipped"], done["where"]) == (2, 4, where) and done["since"] and done["group"] == group
    assert shipped(small, "r-1") and shipped(small, "r-4") and not shipped(small, "r-0")
    assert ended(small, start(small, "--older", "1h"))["taken"] == 0
    assert ended(small, start(small, "--group", "0123456789abcdef"))["taken"] == 0
    for wrong in (("--where", "body.("), ("--group", "x"), ("--since", "yesterday")):
        code, _, err = belay("dlq", "replay", "--all", *wrong, data=small.data)
        assert code == 1 and "422" in err, wrong
    assert len(small.letters()) == 4
