"""Dead letters as a workbench, through the real binary: who did what, and what became of it."""
import getpass
import json
import os
import subprocess

import pytest

from test_operations import Small, shipped
from world import belay, belay_json, until


@pytest.fixture
def small(tmp_path):
    w = Small(str(tmp_path))
    w.start()
    yield w
    w.stop()


def api(world, path, body=None, headers=()):
    """The admin API over its unix socket: (status, answer)."""
    more = ["-X", "POST", "-H", "content-type: application/json", "-d", json.dumps(body)] if body is not None else []
    for header in headers:
        more += ["-H", header]
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "--unix-socket", os.path.join(world.data, "admin.sock"),
                           *more, "http://belay" + path], check=True, capture_output=True, text=True)
    text, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(text)


def test_what_persons_did_is_told_by_the_trail(small):
    me = getpass.getuser()
    small.put("unshippable-1", "a")
    letter = until(lambda: small.letters())[0]
    flow, seq = letter["flow"], str(letter["sequence"])
    belay("dlq", "release", flow, seq, data=small.data, check=True)
    code, _, _ = belay("dlq", "release", flow, "999", data=small.data)
    assert code == 1
    belay("flow", "pause", "work", "--reason", "stock-taking", "--as", "alice", data=small.data, check=True)
    shown = belay_json("dlq", "show", flow, seq, data=small.data)["trail"]
    assert [(e["did"], e["who"]) for e in shown] == [("release", me)]
    small.kill()
    small.start()
    belay("--as", "bob", "dlq", "discard", flow, seq, "--reason", "a test", data=small.data, check=True)
    status, trail = api(small, "/trail")
    assert status == 200 and trail["next"] is None
    assert [(e["did"], e["what"], e["id"], e["who"], e["reason"]) for e in trail["trail"]] == [
        ("discard", "letter", seq, f"bob (by {me})", "a test"),
        ("pause", "flow", "", f"alice (by {me})", "stock-taking"),
        ("release", "letter", seq, me, "")]
    _, first = api(small, "/trail?count=1&what=letter")
    assert first["trail"][0]["did"] == "discard"
    _, rest = api(small, f"/trail?count=5&what=letter&after={first['next']}")
    assert [e["did"] for e in rest["trail"]] == ["release"]
