"""kill -9 again and again with messages that kill, letters that are edited meanwhile, and the lanes that they park: after every
kill each quarantine, each edit and each parked lane that was told is there, and nothing behind it went out."""
import os
import random
import subprocess
import sys
import time

from world import BELAY, belay, belay_json, demo, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from test_operations import FLOW, Small, shipped  # noqa: E402

CYCLES = min(6, int(os.environ.get("BELAY_CRASH_CYCLES", "6")))


class Deadly(Small):
    """A connection that waits: whoever is killed while it does dies of the message that is out."""
    flow = FLOW.replace("timeout: 1s", "timeout: 60s")


class Told:
    """What the commands said, and what therefore has to be so after every kill."""

    def __init__(self, world, rng):
        self.world, self.rng, self.edits, self.sequences = world, rng, {}, {}

    def by_key(self):
        return {letter["key"]: letter for letter in self.world.letters()}

    def quarantined(self, number):
        letter = until(lambda: self.by_key().get(f"p-{number}"), 60)
        self.sequences[number] = str(letter["sequence"])
        self.edits[number] = 0

    def edit_of(self, number):
        return ["dlq", "edit", "work", self.sequences[number], "--transform", f'$merge([$, {{"edit": {self.edits[number] + 1}}}])',
                "--why", "a test", "--data", self.world.data]

    def edit(self):
        """An edit is durable when it is told."""
        number = self.rng.choice(list(self.edits))
        belay(*self.edit_of(number), check=True)
        self.edits[number] += 1

    def edit_while_it_dies(self):
        """One of which nothing was told may be so or not, but whole."""
        number = self.rng.choice(list(self.edits))
        one = subprocess.Popen([BELAY, *self.edit_of(number)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.rng.uniform(0, 0.1))
        kill(self.world, self)
        done = one.wait(60) == 0
        there = self.by_key()[f"p-{number}"]["edits"]
        assert there in (self.edits[number] + 1, self.edits[number] + (1 if done else 0)), (there, done, self.edits[number])
        self.edits[number] = there

    def holds(self):
        code, out, err = belay("audit", data=self.world.data)
        assert code == 0 and "lost 0" in out, out + err

    def is_there(self):
        letters = self.by_key()
        assert set(letters) == {f"p-{number}" for number in self.edits}
        lanes = {lane["key"]: lane for lane in belay_json("lane", "ls", "--state", "parked", data=self.world.data)["lanes"]}
        for number, edits in self.edits.items():
            letter = letters[f"p-{number}"]
            assert letter["error"] == "POISON:CRASH" and letter["state"] == "parked" and letter["edits"] == edits, letter
            assert lanes[f"p-{number}"]["head"] == letter["sequence"], lanes
            assert letter["held"] == 1, letter
            assert not shipped(self.world, f"after-{number}"), "what is behind a parked letter waits"
            whole = belay_json("dlq", "show", "work", self.sequences[number], data=self.world.data)
            assert whole["message"]["body"].get("edit", 0) == edits and "edit" not in whole.get("original", {"body": {}})["body"]
            assert whole["history"][-1]["excerpt"].count("ran alone") == 2
            status, problem = demo.ask(self.world.api, "POST", "/work", {"id": f"deadly-{number}", "key": f"p-{number}"})
            assert status == 422 and problem["letter"] == f"work/{self.sequences[number]}", problem


def kill(world, told):
    world.kill()
    told.holds()
    world.start()


def in_flight(world):
    return belay_json("status", data=world.data)["engine"]["calls_in_flight"]


def dies_twice_of(world, told, number):
    world.faults(warehouse={"timeout": 1.0})
    world.put(f"deadly-{number}", f"p-{number}")
    for _ in range(2):
        until(lambda: in_flight(world) == 1, 60)
        kill(world, told)
    told.quarantined(number)
    world.faults(warehouse={"timeout": 0})


def test_quarantines_edits_and_parked_lanes_outlive_every_kill(tmp_path):
    rng = random.Random(13)
    world = Deadly(str(tmp_path))
    told = Told(world, rng)
    try:
        world.start()
        for number in range(CYCLES):
            dies_twice_of(world, told, number)
            world.put(f"after-{number}", f"p-{number}")
            until(lambda: told.by_key()[f"p-{number}"]["held"] == 1, 60)  # noqa: B023
            for _ in range(rng.randint(1, 3)):
                told.edit()
            told.edit_while_it_dies()
            told.is_there()
        for number, sequence in told.sequences.items():
            belay("dlq", "replay", "work", sequence, data=world.data, check=True)
            until(lambda: shipped(world, f"deadly-{number}") and shipped(world, f"after-{number}"), 60)  # noqa: B023
        assert world.letters() == []
        assert belay_json("lane", "ls", data=world.data)["lanes"] == []
        told.holds()
        print(f"{3 * CYCLES} kills, {CYCLES} quarantines, {sum(told.edits.values())} edits, all there")
    finally:
        world.stop()
