"""What `make run` starts: its words, its ports, its end."""
import os
import re
import signal
import subprocess
import time

import pytest

from world import belay, demo, until

RUN = os.path.join(demo.EXAMPLE, "run")


class Example:
    def __init__(self, folder):
        self.data = os.path.join(folder, "data")
        names = ("STOREFRONT_PORT", "PAYMENTS_PORT", "WAREHOUSE_PORT", "HEALTH_PORT")
        self.ports = {name: str(demo.free_port()) for name in names}
        self.process = None
        self.words = ""

    def spawn(self):
        """As a terminal does it: in a group of its own, which Ctrl-C reaches as a whole."""
        return subprocess.Popen([RUN, "--data", self.data], env={**os.environ, "BELAY_BIN": demo.BIN, **self.ports},
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def start(self):
        self.process = self.spawn()
        self.words = ""
        for line in self.process.stdout:
            self.words += line
            if "Ctrl-C" in line:
                return
        raise AssertionError(self.words)

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)
        self.words += self.process.communicate(timeout=60)[0]
        return self.process.returncode

    def belay_pid(self):
        return int(re.search(r"process +([0-9]+)", self.words).group(1))

    def alive(self):
        """Processes of its session that have not ended."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    state, _, _, session = stat.read().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == self.process.pid and state != "Z":
                found.append(pid)
        return found


@pytest.fixture
def example(tmp_path):
    e = Example(str(tmp_path))
    yield e
    if e.process and e.process.poll() is None:
        os.killpg(e.process.pid, signal.SIGKILL)
        e.process.communicate()


def suggested(words, start):
    """The suggested command that begins so, as it stands."""
    return next(line.strip() for line in words.splitlines() if line.strip().startswith(start))


def test_it_says_what_to_try_and_ends_without_a_trace(example):
    example.start()
    place = suggested(example.words, "curl -i")
    said = subprocess.run(place, shell=True, cwd=demo.ROOT, capture_output=True, text=True, timeout=60).stdout
    assert "202 Accepted" in said and "location: /orders/o-1001" in said
    port = int(example.ports["STOREFRONT_PORT"])
    until(lambda: demo.ask(port, "GET", "/orders/o-1001")[1]["status"] == "fulfilled")
    assert example.interrupt() == 0
    assert not example.alive()
    example.start()
    assert demo.ask(port, "GET", "/orders/o-1001")[1]["status"] == "fulfilled"
    with open(os.path.join(example.data, "example", "belay.log")) as log:
        assert log.read().count("runtime.ready") == 2, "the log before is kept"
    assert belay("status", data=example.data)[0] == 0, "Belay's data is the folder that is named"
    assert example.interrupt() == 0


def test_a_port_that_is_taken_is_said_at_once(example):
    example.start()
    began = time.monotonic()
    second = example.spawn()
    words = second.communicate(timeout=60)[0]
    assert second.returncode == 1 and time.monotonic() - began < 30
    assert f"port {example.ports['STOREFRONT_PORT']} of 127.0.0.1 is in use" in words
    assert "Belay runs" not in words
    assert example.interrupt() == 0


def test_killed_it_says_how_to_go_on_and_leaves_nothing_behind(example):
    example.start()
    os.kill(example.belay_pid(), signal.SIGKILL)
    words = example.process.communicate(timeout=60)[0]
    assert "make run" in words and not example.alive()
    example.start()
    assert example.interrupt() == 0


def test_help_starts_nothing():
    done = subprocess.run([RUN, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "--data DIR" in done.stdout and "STOREFRONT_PORT" in done.stdout
    done = subprocess.run([RUN, "--dat"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 64 and "--help" in done.stderr
