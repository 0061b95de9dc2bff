"""kill -9 again and again while replay jobs run, are paused and resumed: each letter is replayed, nothing is lost."""
import os
import random
import sys
import time

from world import belay, belay_json, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from test_operations import Small, shipped  # noqa: E402

CYCLES = min(40, int(os.environ.get("BELAY_CRASH_CYCLES", "40")))
LETTERS = 300


def jobs_of(world):
    jobs = belay_json("dlq", "jobs", data=world.data)["jobs"]
    for j in jobs:
        assert j["looked"] == j["taken"] + j["skipped"] + j["aside"], j
        assert j["taken"] == j["done"] + j["failed"] + j["discarded"] + j["under_way"], j
    return jobs


def figures(world):
    return next(s for s in belay_json("status", data=world.data)["subscriptions"] if s["name"] == "work")


def letters_left(world):
    return figures(world)["dead"] + figures(world)["parked"]


def act(world, rng, jobs):
    """An operator's next word; the answer tells what is durable."""
    running = [j for j in jobs if j["state"] in ("running", "paused")]
    if not running:
        if letters_left(world):
            belay_json("dlq", "replay", "--all", "--detach", "--rate", "150/s", data=world.data)
    elif rng.random() < 0.3:
        verb = "resume" if running[0]["state"] == "paused" else "pause"
        code, _, err = belay("dlq", "job", verb, str(running[0]["job"]), data=world.data)
        assert code == 0 or "409" in err, err # it ended meanwhile


def test_jobs_go_on_over_kills_and_take_each_letter_once(tmp_path):
    rng = random.Random(11)
    world = Small(str(tmp_path))
    try:
        world.start()
        world.faults(warehouse={"error": 1.0})
        for i in range(LETTERS):
            world.put(f"c-{i}", f"c-{i}")
        until(lambda: letters_left(world) == LETTERS)
        world.faults(warehouse={"error": 0.02})
        known = {}
        for _ in range(CYCLES):
            jobs = jobs_of(world)
            for j in jobs: # what was told is durable: nothing of it is taken back
                assert j["taken"] >= known.get(j["job"], {"taken": 0})["taken"], (j, known)
                known[j["job"]] = j
            assert set(known) == {j["job"] for j in jobs}
            act(world, rng, jobs)
            time.sleep(rng.uniform(0.02, 0.3))
            world.kill()
            code, out, err = belay("audit", data=world.data)
            assert code == 0 and "lost 0" in out, out + err
            world.start()
        world.faults(warehouse={"error": 0})
        for j in jobs_of(world):
            if j["state"] == "paused":
                belay("dlq", "job", "resume", str(j["job"]), data=world.data, check=True)
        until(lambda: all(j["state"] in ("done", "cancelled") for j in jobs_of(world)))
        belay("dlq", "replay", "--all", data=world.data)
        until(lambda: figures(world)["done"] == LETTERS)
        jobs = jobs_of(world)
        print(f"{CYCLES} kills, {len(jobs)} jobs: {[(j['taken'], j['failed']) for j in jobs]}")
        assert sum(j["done"] for j in jobs) == LETTERS
        assert all(shipped(world, f"c-{i}") for i in range(LETTERS))
    finally:
        world.stop()
