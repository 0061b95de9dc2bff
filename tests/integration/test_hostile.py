"""What nobody should do to a server: full disks, damaged files, signals at any moment."""
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from world import BELAY, belay, belay_json, demo, order, until

ask = demo.ask


class SmallDisk(demo.World):
    """Its store lies on a file system of its own."""

    def __init__(self, folder, size):
        super().__init__(folder)
        self.disk = os.path.join(folder, "store")
        os.mkdir(self.disk)
        self.mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.disk],
                                      capture_output=True).returncode == 0

    def resize(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", self.disk], check=True)

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", "-l", self.disk], check=True)


@pytest.fixture
def small_disk(tmp_path):
    w = SmallDisk(str(tmp_path), "72m")
    if not w.mounted:
        w.stop()
        pytest.skip("may not mount")
    try:
        w.start()
        yield w
    finally:
        w.stop()
        w.unmount()


def fill(world, refusals_max=100, seconds=300):
    """Orders until the disk is full and stays so: (ids that were accepted, Retry-After of the refusals)."""
    accepted, refused = [], []

    def client(k):
        n = 0
        while len(refused) < refusals_max and time.monotonic() < deadline:
            n += 1
            order_id = f"d{k}-{n}"
            status, _ = ask(world.api, "POST", "/orders", order(order_id, note="x" * 490), {"Idempotency-Key": order_id})
            if status == 202:
                accepted.append(order_id)
            else:
                assert status == 503
                refused.append(order_id)
                time.sleep(0.05)

    deadline = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(k,)) for k in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return accepted, refused


def takes(world, order_id):
    return ask(world.api, "POST", "/orders", order(order_id), {"Idempotency-Key": order_id})[0] == 202


def test_a_full_disk_refuses_restarts_and_goes_on_when_there_is_room(small_disk):
    w = small_disk
    w.faults(payments={"error": 1.0})  # nothing drains
    accepted, refused = fill(w)
    assert accepted and len(refused) >= 100 and w.belay.poll() is None
    with open(os.path.join(w.disk, "eater"), "wb") as eater:  # the last byte, too
        try:
            while True:
                eater.write(b"x" * 65536)
                eater.flush()
        except OSError:
            pass
    assert demo.status_of(w, accepted[-1]) != "unknown"
    w.kill()
    w.start()
    assert demo.status_of(w, accepted[-1]) != "unknown"
    w.faults(payments={"error": 0})
    os.unlink(os.path.join(w.disk, "eater"))
    w.resize("1g")
    until(lambda: takes(w, "after"))

    def running():
        (saga,) = belay_json("status", data=w.disk)["sagas"]
        return saga["running"] + saga["compensating"]

    until(lambda: running() == 0, 120)
    assert all(demo.status_of(w, i) in demo.ENDED for i in accepted)
    assert w.ledger()[1]["charged_twice"] == 0
    assert w.ledger()[1]["refunded_and_shipped"] == 0
    w.belay.terminate()
    assert w.belay.wait(60) == 0
    code, out, err = belay("store", "check", w.disk)
    assert code == 0, out + err


# ---- damage ----

def place_some(world, count=30):
    ids = [f"c-{i}" for i in range(count)]
    for i in ids:
        assert takes(world, i)
    for i in ids:
        until(lambda i=i: demo.status_of(world, i) == "fulfilled")
    return ids


def refused(world, *needles):
    """Neither `run` nor `check` believes the store, and both say why."""
    store = os.path.join(world.folder, "store")
    code, _, err = belay("run", "--data", store, demo.EXAMPLE, env=world.env)
    assert code == 74, (code, err)
    assert any(n in err for n in needles), err
    code, out, err = belay("store", "check", store)
    assert code in (1, 74) and any(n in out + err for n in needles), (code, out, err)


def flip(path, offset, count=1):
    with open(path, "r+b") as f:
        f.seek(offset)
        old = f.read(count)
        f.seek(offset)
        f.write(bytes(b ^ 0x55 for b in old))


def test_a_flipped_byte_in_the_journal_is_named(world):
    place_some(world)
    world.kill()
    path = os.path.join(world.folder, "store", "journal", "00000001.seg")
    flip(path, 3 * 4096 + 100)
    refused(world, "00000001.seg at byte")


@pytest.mark.parametrize("how", ["deleted", "emptied", "zeroed"])
def test_a_journal_without_its_beginning_is_no_new_store(world, how):
    place_some(world)
    world.kill()
    path = os.path.join(world.folder, "store", "journal", "00000001.seg")
    size = os.path.getsize(path)
    os.unlink(path)
    if how != "deleted":
        with open(path, "wb") as f:
            f.write(b"" if how == "emptied" else b"\0" * size)
    refused(world, "00000001.seg is missing")


def stop_orderly(world):
    world.belay.terminate()
    assert world.belay.wait(60) == 0
    return os.path.join(world.folder, "store")


def newest_segment(store):
    """The live one with the highest incarnation: (path, commits in it)."""
    best = (0, None, 0)
    for name in os.listdir(os.path.join(store, "journal")):
        path = os.path.join(store, "journal", name)
        with open(path, "rb") as f:
            data = f.read()
        incarnation = int.from_bytes(data[24:32], "little")
        salt, at, ends = data[32:40], 4096, []
        while data[at:at + 4] == b"BLYC" and data[at + 8:at + 16] == salt:
            ends.append(at)
            at += (int.from_bytes(data[at + 40:at + 44], "little") + 4095) // 4096 * 4096
        if ends and incarnation > best[0]:
            best = (incarnation, path, ends[-1])
    return best[1], best[2]


def test_after_an_orderly_stop_damage_to_the_last_commit_is_named(world):
    place_some(world)
    path, last = newest_segment(stop_orderly(world))
    flip(path, last + 80)
    refused(world, os.path.basename(path) + " at byte")


def test_after_an_orderly_stop_the_newest_segment_is_missed(world):
    place_some(world)
    path, _ = newest_segment(stop_orderly(world))
    os.unlink(path)
    refused(world, "journal")


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def test_a_store_of_another_version_says_what_to_do(world):
    place_some(world, 3)
    store = stop_orderly(world)
    path, _ = newest_segment(store)
    with open(path, "r+b") as f:
        header = bytearray(f.read(512))
        header[8:12] = (7).to_bytes(4, "little")
        header[4:8] = crc32c(header[8:]).to_bytes(4, "little")
        f.seek(0)
        f.write(header)
    before = open(path, "rb").read()
    code, _, err = belay("run", "--data", store, demo.EXAMPLE, env=world.env)
    assert code == 78, (code, err)
    assert "another format" in err and "Start it with that version or a later one" in err
    assert open(path, "rb").read() == before


def test_a_store_in_use_is_refused_and_says_by_whom(world):
    code, _, err = belay("run", "--data", os.path.join(world.folder, "store"), demo.EXAMPLE, env=world.env)
    assert code == 78 and f"pid {world.belay.pid}" in err


def test_damage_anywhere_in_the_state_is_found_or_harmless(world):
    ids = place_some(world)
    world.belay.terminate()
    assert world.belay.wait(60) == 0
    store = os.path.join(world.folder, "store")
    good = os.path.join(world.folder, "good")
    shutil.copytree(store, good, ignore=lambda *_: ["admin.sock"])
    data = os.path.join(store, "state", "data.mdb")
    for page in range(0, os.path.getsize(data), 4096):
        shutil.rmtree(store)
        shutil.copytree(good, store)
        flip(data, page, 64)
        code, out, err = belay("store", "check", store)
        assert code in (0, 1, 74) and (code == 0 or out + err), (page, code, out, err)
        done = subprocess.run([BELAY, "run", "--data", store, "--health",
                               f"127.0.0.1:{world.health}", demo.EXAMPLE], env=world.env, capture_output=True,
                              text=True, timeout=60) if code else None
        if done:
            assert done.returncode in (0, 74) and done.stderr, (page, done)
        else:
            world.start()
            assert all(demo.status_of(world, i) == "fulfilled" for i in ids), page
            world.belay.terminate()
            assert world.belay.wait(60) in (0, 74)


# ---- signals ----

def test_kill_at_any_moment_of_start_reload_and_stop(world):
    world.faults(payments={"latency_ms": 20, "lost": 0.03}, warehouse={"latency_ms": 20})
    accepted, over = [], time.monotonic() + 300
    ids = [f"s-{i}" for i in range(300)]
    threads = demo.send_all(world, ids, accepted, over)
    for n in range(8):
        world.kill()
        world.start()
        if n % 2:
            for _ in range(5):
                world.belay.send_signal(signal.SIGHUP)
        else:
            world.belay.send_signal(signal.SIGTERM)
        time.sleep(0.01 * n)
    world.kill()
    world.start()
    for t in threads:
        t.join()
    assert len(accepted) == len(ids)
    last = demo.wait_ended(world, ids, over, lambda *_: None)
    counts, lost, ledger, wrong = demo.balance(world, accepted, last)
    assert lost == 0 and not wrong and counts["still under way"] == 0
    assert ledger["charged_twice"] == 0 and ledger["refunded_and_shipped"] == 0
    world.belay.send_signal(signal.SIGUSR1)  # means nothing when it is somebody else's
    time.sleep(0.2)
    assert ask(world.health, "GET", "/ready")[0] == 200


# ---- names ----

@pytest.mark.parametrize("name", [".", "..", "../x", "a/b", "a\nb", "%2F", "\u202e", ""])
def test_an_id_that_is_no_segment_of_a_path_is_refused_at_the_door(world, name):
    status, body = ask(world.api, "POST", "/orders", order(name), {"Idempotency-Key": "k"})
    assert status == 422 and body["errors"][0]["pointer"] == "/order_id"


# ---- a stop that does not wait for a slow partner ----

SLOW = """
belay: 1
name: slow
connections:
  partner: {{ http: {{ base_url: "http://127.0.0.1:{out}" }}, timeout: 300s }}
apis:
  front: {{ listen: "127.0.0.1:{port}", openapi: api.yaml }}
flows:
  ask:
    from: {{ api: front, operation: ask }}
    timeout: 300s
    steps:
      - call: {{ connection: partner, method: GET, path: / }}
        as: answer
      - map: "{{% $answer.body %}}"
    reply: {{ status: 200 }}
"""

SLOW_API = """
openapi: 3.1.0
info: { title: slow, version: "1" }
paths: { /ask: { get: { operationId: ask, responses: { "200": { description: ok } } } } }
"""


def test_a_caller_whose_flow_does_not_end_in_the_drain_is_told(tmp_path):
    """The partner takes the request and says nothing; a stop that waits for a second says 503."""
    port, partner = demo.free_port(), socket.create_server(("127.0.0.1", 0))
    (tmp_path / "slow.belay.yaml").write_text(SLOW.format(port=port, out=partner.getsockname()[1]))
    (tmp_path / "api.yaml").write_text(SLOW_API)
    with open(tmp_path / "log", "ab") as log:
        process = subprocess.Popen([BELAY, "run", "--drain", "1", "--data", str(tmp_path / "data"), str(tmp_path)],
                                   stderr=log, stdout=log)

    def connect():
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=120)
        except OSError:
            return None
    try:
        client = until(connect, 60)
        client.sendall(b"GET /ask HTTP/1.1\r\nHost: x\r\n\r\n")
        taken, _ = partner.accept()  # its call is out
        process.send_signal(signal.SIGTERM)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        head = head.decode().lower()
        assert head.startswith("http/1.1 503 ") and "\r\nretry-after: " in head and "\r\nconnection: close" in head, answer
        assert "application/problem+json" in head and b"stopping" in body, answer
        assert process.wait(120) == 0
        taken.close()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        partner.close()
