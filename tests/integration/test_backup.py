"""belay store backup and restore: while orders come in, over kill -9, and that a person looks first."""
import fcntl
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time

import pytest

from world import BELAY, belay, belay_json, demo, until


def store(world):
    return os.path.join(world.folder, "store")


class Restored(demo.World):
    """The same partners, another store."""

    def __init__(self, world, folder):
        self.__dict__.update(world.__dict__)
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.log = open(os.path.join(folder, "belay.log"), "ab")
        self.belay = None
        self.health = demo.free_port()

    def start(self):
        self.belay = subprocess.Popen([BELAY, "run", "--data", store(self), "--health", f"127.0.0.1:{self.health}",
                                       demo.EXAMPLE], env=self.env, stderr=self.log)
        until(lambda: belay("status", data=store(self))[0] == 0)


class Senders:
    def __init__(self, world, prefix):
        self.over, self.accepted = False, []
        self.thread = threading.Thread(target=self.run, args=(world, prefix))
        self.thread.start()

    def run(self, world, prefix):
        n = 0
        while not self.over:
            order_id = f"{prefix}-{n}"
            if demo.place(world, order_id, n, time.monotonic() + demo.PATIENCE):
                self.accepted.append(order_id)
            n += 1

    def stop(self):
        self.over = True
        self.thread.join()


@pytest.fixture
def backup(world, tmp_path):
    """A backup made while orders came in: (folder, accepted before it, position)."""
    senders = Senders(world, "a")
    until(lambda: len(senders.accepted) > 30)
    before = list(senders.accepted)
    folder = str(tmp_path / "backup")
    done = belay_json("store", "backup", folder, data=store(world))
    assert done["state"] == "done" and done["position"] > 0
    senders.stop()
    assert len(senders.accepted) > len(before)
    return folder, before, done["position"]


def test_a_backup_while_orders_come_in_holds_all_that_came_before(world, backup, tmp_path):
    folder, before, position = backup
    assert sorted(os.listdir(folder)) == ["LOCK", "MANIFEST", "archive", "journal", "state"]
    world.kill()
    there = str(tmp_path / "new" / "store")
    os.mkdir(os.path.dirname(there))
    code, out, err = belay("store", "restore", folder, there)
    assert code == 0, err
    assert "What may happen again outside" in out and "belay resume" in out and f"commit {position}" in out
    report = belay_json("audit", data=there)
    assert report["sound"] and report["position"] == position
    restored = Restored(world, os.path.dirname(there))
    restored.start()
    try:
        for order_id in before:
            assert belay("saga", "show", f"fulfil-order/{order_id}", data=there)[0] == 0, order_id
        assert belay_json("audit", data=there)["lost"] == 0
        assert belay("resume", data=there)[0] == 0
        last = demo.wait_ended(restored, before, time.monotonic() + 300, lambda done, total: None)
        counts, lost, ledger, wrong = demo.balance(restored, before, last)
        assert lost == 0 and not wrong and ledger["charged_twice"] == 0, (lost, wrong, ledger)
    finally:
        restored.belay.kill()
        restored.belay.wait()


def test_it_starts_paused_until_a_person_has_looked(world, backup, tmp_path):
    folder, _, _ = backup
    world.kill()
    there = str(tmp_path / "new" / "store")
    os.mkdir(os.path.dirname(there))
    assert belay("store", "restore", folder, there)[0] == 0
    restored = Restored(world, os.path.dirname(there))
    restored.start()
    try:
        calls = restored.ledger()
        time.sleep(0.5)
        assert restored.ledger() == calls
        assert demo.ask(restored.health, "GET", "/ready")[0] == 503
        body = {"order_id": "new", "customer": {"id": "c"}, "currency": "EUR", "total": 1.0,
                "items": [{"sku": "ROPE-60", "qty": 1, "price": 1.0}]}
        status, problem = demo.ask(restored.api, "POST", "/orders", body, {"Idempotency-Key": '"new"'})
        assert status == 503 and "a person looks first" in problem["detail"]
        assert "belay resume" in belay("status", data=there)[1]
        restored.kill()
        restored.start()  # over a restart, too
        assert belay_json("status", data=there)["engine"]["held"].startswith("restored from a backup")
        assert belay("resume", "--reason", "seen", data=there)[0] == 0
        assert belay("resume", data=there)[0] == 1
        assert demo.place(restored, "new", 1, time.monotonic() + demo.PATIENCE)
        assert until(lambda: demo.ask(restored.health, "GET", "/ready")[0] == 200)
        restored.kill()
        restored.start()
        assert belay_json("status", data=there)["engine"]["held"] == ""
    finally:
        restored.belay.kill()
        restored.belay.wait()


def test_a_directory_is_backed_up_after_a_kill(world, tmp_path):
    senders = Senders(world, "a")
    until(lambda: len(senders.accepted) > 20)
    world.kill()
    senders.over = True
    folder, there = str(tmp_path / "backup"), str(tmp_path / "restored")
    code, out, err = belay("store", "backup", folder, data=store(world))
    assert code == 0, err
    assert belay("store", "restore", folder, there)[0] == 0
    mine, theirs = belay_json("audit", data=store(world)), belay_json("audit", data=there)
    assert theirs == mine
    assert belay("store", "check", there)[0] == 0
    world.start()
    senders.thread.join()


def test_what_is_damaged_or_cut_off_is_no_backup(backup, tmp_path):
    folder, _, _ = backup
    there = str(tmp_path / "there")
    segment = os.path.join(folder, "journal", sorted(os.listdir(os.path.join(folder, "journal")))[0])
    with open(segment, "r+b") as f:
        f.seek(5000)
        f.write(b"\xff")
    code, _, err = belay("store", "restore", folder, there)
    assert code == 1 and os.path.basename(segment) in err
    assert not os.path.exists(os.path.join(there, "state"))  # verified before anything is written
    os.rename(os.path.join(folder, "MANIFEST"), os.path.join(folder, "MANIFEST.new"))
    code, _, err = belay("store", "restore", folder, there)
    assert code == 1 and "MANIFEST" in err
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("x")
    os.rename(os.path.join(folder, "MANIFEST.new"), os.path.join(folder, "MANIFEST"))


def test_nothing_is_written_over(world, backup, tmp_path):
    folder, _, _ = backup
    code, _, err = belay("store", "backup", folder, data=store(world))
    assert code == 1 and "not empty" in err
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("x")
    code, _, err = belay("store", "restore", folder, str(full))
    assert code == 1 and "not empty" in err
    assert os.listdir(full) == ["LOCK", "x"] or sorted(os.listdir(full)) == ["LOCK", "x"]


def admin(data, method, path, body=None):
    """One question over the socket: (status, answer)."""
    c = http.client.HTTPConnection("belay")
    c.sock = socket.socket(socket.AF_UNIX)
    c.sock.connect(os.path.join(data, "admin.sock"))
    c.request(method, path, json.dumps(body) if body is not None else None, {"content-type": "application/json"})
    answer = c.getresponse()
    text = answer.read().decode()
    c.close()
    return answer.status, text


def begin_backup(world, folder, *more):
    """One that would take minutes."""
    running = subprocess.Popen([BELAY, "store", "backup", folder, *more, "--rate", "1000"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    until(lambda: os.path.exists(os.path.join(folder, "state", "data.mdb")))
    return running


def test_a_backup_is_cancelled_and_the_next_goes_into_the_same_folder(world, tmp_path):
    for i in range(30):
        assert demo.place(world, f"o-{i}", i, time.monotonic() + demo.PATIENCE)
    folder = str(tmp_path / "backup")
    for by in ("ctrl-c", "route"):
        running = begin_backup(world, folder, "--data", store(world))
        if by == "ctrl-c":
            running.send_signal(signal.SIGINT)
        else:
            assert admin(store(world), "POST", "/backup/cancel", {"reason": "too slow"})[0] < 300
        _, err = running.communicate(timeout=60)
        assert running.returncode == 1 and "cancelled" in err, (by, err)
        assert sorted(os.listdir(folder)) == ["BACKING-UP", "LOCK", "state"] or \
            sorted(os.listdir(folder)) == ["BACKING-UP", "LOCK", "archive", "journal", "state"]
        assert not os.path.exists(os.path.join(folder, "state", "data.mdb"))  # what was copied holds no room
        code, _, err = belay("store", "restore", folder, str(tmp_path / "x"))
        assert code == 1 and "has not ended" in err
    assert admin(store(world), "POST", "/backup/cancel", {})[0] == 404  # none is under way
    assert admin(store(world), "GET", "/trail")[1].count('"cancel"') == 2
    assert belay("store", "backup", folder, data=store(world))[0] == 0
    assert sorted(os.listdir(folder)) == ["LOCK", "MANIFEST", "archive", "journal", "state"]
    world.kill()  # of a directory it is the same
    folder = str(tmp_path / "second")
    running = begin_backup(world, folder, "--data", store(world))
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "cancelled" in err, err
    assert belay("store", "backup", folder, data=store(world))[0] == 0
    world.start()


class BusyAdmin(http.server.BaseHTTPRequestHandler):
    """A running belay's admin API with a backup under way, that refuses the first of what cancels it."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.looked_at = True
        state = "failed" if self.server.cancelled else "running"
        self.answer(200, {"state": state, "status": "CANCELLED", "error": "it was cancelled", "bytes_done": 1, "bytes_total": 9})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        refused = self.path == "/backup/cancel" and self.server.refusals > 0
        if self.path == "/backup/cancel":
            self.server.asked += 1
            self.server.refusals -= 1
            self.server.cancelled = not refused
        self.answer(503 if refused else 200, {"title": "Service Unavailable", "detail": "no room just now"})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)
        self.close_connection = True

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass


@pytest.fixture
def busy(tmp_path):
    """(server, data directory) of a belay that is BusyAdmin."""
    folder = tmp_path / "data"
    folder.mkdir()
    lock = open(folder / "LOCK", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    server = socketserver.ThreadingUnixStreamServer(str(folder / "admin.sock"), BusyAdmin)
    server.daemon_threads = True
    server.looked_at, server.cancelled, server.asked, server.refusals = False, False, 0, 0
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server, str(folder)
    server.shutdown()
    server.server_close()
    lock.close()


def backup_of(folder):
    return subprocess.Popen([BELAY, "store", "backup", folder + "/to", "--data", folder], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def test_a_cancel_that_finds_no_room_is_asked_again(busy):
    server, folder = busy
    server.refusals = 2
    running = backup_of(folder)
    until(lambda: server.looked_at)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "cancelled" in err, err
    assert server.asked == 3
    assert err.count("no room just now") == 1  # said once


def test_a_second_ctrl_c_ends_the_command_whatever_the_answer(busy):
    server, folder = busy
    server.refusals = 1 << 30
    running = backup_of(folder)
    until(lambda: server.looked_at)
    running.send_signal(signal.SIGINT)
    until(lambda: server.asked > 1)  # the first was heard, and refused
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == -signal.SIGINT and "goes on" in err, err


def listens_to_ctrl_c(pid):
    with open(f"/proc/{pid}/status") as status:
        caught = [line.split()[1] for line in status if line.startswith("SigCgt:")]
    return bool(caught) and bool(int(caught[0], 16) & 1 << (signal.SIGINT - 1))


def interrupt_while_it_hangs(folder, data):
    """A backup of the directory, interrupted once, that has not ended: it waits for a file that is never read."""
    for attempt in range(10):
        running = subprocess.Popen([BELAY, "store", "backup", folder, "--data", data], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        until(lambda: listens_to_ctrl_c(running.pid) and os.path.exists(os.path.join(folder, "archive")))
        time.sleep(0.1 * 2 ** attempt)  # on its way there it is heard and ends: then once more, with more time
        running.send_signal(signal.SIGINT)
        until(lambda: running.poll() is not None or not listens_to_ctrl_c(running.pid))
        time.sleep(0.1 * 2 ** attempt)
        if running.poll() is None:
            return running
        assert "cancelled" in running.communicate(timeout=60)[1]
    return pytest.fail("it never came to the file that hangs")


def test_a_second_ctrl_c_ends_the_backup_of_a_directory_whatever_its_disk_does(world, tmp_path):
    for i in range(3):
        assert demo.place(world, f"o-{i}", i, time.monotonic() + 20)
    world.kill()
    hangs = os.path.join(store(world), "archive", "4000000000-1.arc")
    os.makedirs(os.path.dirname(hangs), exist_ok=True)
    os.mkfifo(hangs)
    folder = str(tmp_path / "backup")
    running = interrupt_while_it_hangs(folder, store(world))
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGINT
    os.unlink(hangs)
    assert belay("store", "backup", folder, data=store(world))[0] == 0  # it says of itself that it had not ended
    world.start()


def test_an_audit_does_not_wait_for_a_backup(world, tmp_path):
    for i in range(10):
        assert demo.place(world, f"o-{i}", i, time.monotonic() + demo.PATIENCE)
    running = begin_backup(world, str(tmp_path / "backup"), "--data", store(world))
    assert belay_json("audit", data=store(world))["lost"] == 0
    assert running.poll() is None
    assert belay("store", "backup", str(tmp_path / "second"), data=store(world))[0] == 1  # one at a time
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)


def test_no_backup_goes_into_the_store_itself(world, tmp_path):
    link = str(tmp_path / "link")
    os.symlink(store(world), link)
    for stopped in (False, True):
        for folder in (store(world), store(world) + "/backup", link + "/a", store(world) + "/journal"):
            code, _, err = belay("store", "backup", folder, data=store(world))
            assert code == 1 and "own directory" in err, (folder, code, err)
            assert not os.path.exists(store(world) + "/backup") and not os.path.exists(link + "/a")
        if not stopped:
            world.kill()
    world.start()
    assert belay_json("audit", data=store(world))["sound"]


def test_a_kill_during_a_backup_leaves_none_and_the_store_as_it_was(world, tmp_path):
    for i in range(30):
        assert demo.place(world, f"o-{i}", i, time.monotonic() + demo.PATIENCE)
    folder = str(tmp_path / "backup")
    running = subprocess.Popen([BELAY, "store", "backup", folder, "--data", store(world), "--rate", "200000"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: os.path.exists(os.path.join(folder, "journal")))
    status = belay("store", "backup", str(tmp_path / "second"), data=store(world))
    assert status[0] == 1 and "under way" in status[2]
    world.kill()
    running.wait()
    assert not os.path.exists(os.path.join(folder, "MANIFEST"))
    assert belay("store", "restore", folder, str(tmp_path / "x"))[0] == 1
    world.start()
    assert belay_json("audit", data=store(world))["sound"]
    again = str(tmp_path / "again")
    assert belay("store", "backup", again, data=store(world))[0] == 0


def test_a_kill_during_a_restore_is_refused_until_it_is_begun_again(world, backup, tmp_path):
    folder, _, _ = backup
    there = str(tmp_path / "there")
    seen = False
    for delay in (0.01, 0.005, 0.002, 0.001, 0, 0, 0, 0):
        shutil.rmtree(there, ignore_errors=True)
        running = subprocess.Popen([BELAY, "store", "restore", folder, there], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + demo.PATIENCE
        while not os.path.exists(os.path.join(there, "RESTORING")) and running.poll() is None:
            assert time.monotonic() < deadline
        time.sleep(delay)
        running.send_signal(signal.SIGKILL)
        running.wait()
        if not os.path.exists(os.path.join(there, "RESTORING")):
            continue
        seen = True
        code, _, err = belay("run", demo.EXAMPLE, data=there, env=world.env)
        assert code == 74 and "has not ended" in err, err
        for look in (["audit", "--data", there], ["store", "check", there]):
            code, out, err = belay(*look)
            assert code == 1 and "has not ended" in err and "sound" not in out, (look, out, err)
        break
    assert seen
    assert belay("store", "restore", folder, there)[0] == 0
    assert belay_json("audit", data=there)["sound"]


def test_an_upgrade_has_nothing_to_do_and_says_so(world, tmp_path):
    code, _, err = belay("store", "upgrade", store(world))
    assert code == 74 and str(world.belay.pid) in err, err  # it says who has it
    world.kill()
    code, out, err = belay("store", "upgrade", store(world))
    assert code == 0 and "nothing to do" in out, err
    assert belay("store", "upgrade", str(tmp_path))[0] == 74
    world.start()
    assert belay_json("audit", data=store(world))["sound"]
