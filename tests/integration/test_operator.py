"""The person at the keyboard: nothing that was said is silently left out, and what is shown can be read at night."""
import http.client
import json
import os
import re
import signal
import subprocess
import time

import pytest

from test_letters import api
from test_operations import Small, shipped
from world import BELAY, ROOT, belay, belay_json, demo, until


@pytest.fixture
def small(tmp_path):
    w = Small(str(tmp_path))
    w.start()
    yield w
    w.stop()


@pytest.fixture
def stuck(small):
    """A parked letter of key a with three messages behind it: (world, flow, sequence)."""
    small.put("unshippable-1", "a")
    letter = until(lambda: small.letters())[0]
    for i in range(3):
        small.put(f"a-{i}", "a")
    until(lambda: small.letters()[0]["held"] == 3)
    return small, letter["flow"], str(letter["sequence"])


def test_the_admin_api_tells_about_itself_as_openapi(small, tmp_path):
    status, document = api(small, "/openapi.json")
    assert status == 200 and document["openapi"] == "3.1.0"
    with open(os.path.join(ROOT, "src/admin/routes.c"), encoding="utf-8") as table:
        routes = re.findall(r"\b(GET|POST|ADMIN_POST|VIEWER_POST)\(\"([^\"]+)\", \"(\w+)\"", table.read())
    assert len(routes) > 50
    for kind, path, name in routes:
        operation = document["paths"][path]["get" if kind == "GET" else "post"]
        assert operation["operationId"] == name and operation["summary"]
        assert operation["x-belay-role"] == {"POST": "operator", "ADMIN_POST": "admin"}.get(kind, "viewer")
    discard = document["paths"]["/letters/discard"]["post"]
    assert {p["name"] for p in discard["parameters"]} >= {"flow", "group", "error", "where"}
    assert discard["requestBody"]["content"]["application/json"]["schema"]["properties"]["dry"] == {"type": "boolean"}
    lane = document["paths"]["/lanes/{flow}/{key}/park"]["post"]
    assert [(p["name"], p["in"]) for p in lane["parameters"]] == [("flow", "path"), ("key", "path")]
    assert mocked(document, tmp_path, "/status") == 200, "others can read it too: our own compiler of such documents does"


def mocked(document, folder, path):
    """What a server made from the document answers."""
    file, port = str(folder / "admin.json"), demo.free_port()
    with open(file, "w", encoding="utf-8") as f:
        json.dump(document, f)
    running = subprocess.Popen([BELAY, "mock", "--port", str(port), file], stdout=subprocess.DEVNULL)
    try:
        def asked():
            assert running.poll() is None
            try:
                return demo.ask(port, "GET", path, headers={"authorization": "Bearer x"})[0]
            except OSError:
                return None
        return until(asked)
    finally:
        running.terminate()
        running.wait()


def test_what_nobody_understands_is_refused_by_its_name(stuck):
    small, flow, seq = stuck
    for path, body, named in [
        (f"/letters/{flow}/{seq}/discard", {"resaon": "x"}, "'resaon'"),
        (f"/letters/{flow}/{seq}/replay", {"from_start": "yes"}, "'from_start' has to be true or false"),
        (f"/letters/{flow}/{seq}/settle", {"how": 7}, "'how' has to be a text"),
        (f"/letters/{flow}/{seq}/edit", {"version": -1, "body": {}}, "'version' has to be a whole number"),
        (f"/subscriptions/{flow}/pause", {"reason": ["x"]}, "'reason' has to be a text"),
        (f"/lanes/{flow}/a/release", {"to": "x"}, "'to'"),
        (f"/lanes/release?flwo={flow}", {}, "'flwo'"),
        ("/lanes/release?flow=", {}, "'flow' has to be a text that is not empty"),
        ("/letters/discard?flow=", {"reason": "x"}, "'flow'"),
        ("/replays", {"flow": ""}, "'flow'"),
        ("/backup", {"to": "/tmp/x", "rate": 5}, "'rate'"),
        ("/poison/clear", {"flwo": flow}, "'flwo'"),
        ("/resume", {"rason": "x"}, "'rason'"),
        ("/audit", {"flow": flow}, "'flow'"),
    ]:
        status, problem = api(small, path, body)
        assert status == 422 and named in problem["detail"], (path, status, problem)
    for path, named in [("/letters?stat=dead", "'stat'"), ("/letters?count=many", "'count' has to be a whole number"),
                        ("/letters?whole=1", "'whole' has to be true or false"), ("/groups?key=a", "'key'"),
                        ("/sagas?x=1", "'x'"), ("/status?verbose=1", "there is none at all")]:
        status, problem = api(small, path)
        assert status == 422 and named in problem["detail"], (path, status, problem)
    assert small.letters()[0]["held"] == 3  # and nothing was done
    assert api(small, "/trail")[1]["trail"] == []


def told(world, path, body):
    """The answer, once there is room for the question (503: nothing was done, ask again)."""
    status, answer = api(world, path, body)
    return (status, answer) if status != 503 else None


def test_who_comes_second_is_told_who_came_first(stuck):
    small, flow, seq = stuck
    belay("--as", "alice", "dlq", "discard", flow, seq, "--reason", "nobody wants it", data=small.data, check=True)
    for path, body in [("discard", {"reason": "me too"}), ("replay", {}), ("settle", {"how": "done"}), ("release", {}),
                       ("edit", {"version": 0, "body": {}})]:
        status, problem = until(lambda: told(small, f"/letters/{flow}/{seq}/{path}", body))
        assert status == 409 and "alice" in problem["detail"] and "discard" in problem["detail"], (path, status, problem)
    status, problem = api(small, f"/letters/{flow}/{seq}")
    assert status == 404 and "alice" in problem["detail"]
    status, problem = api(small, f"/letters/{flow}/999/replay", {})
    assert status == 404 and "alice" not in problem["detail"]


def test_a_key_that_cannot_be_one_is_named_and_what_helps_too(stuck):
    small, flow, _ = stuck
    status, problem = api(small, f"/lanes/{flow}/{'k' * 1025}")
    assert status == 422 and "1025" in problem["detail"] and "lane ls" in problem["detail"]
    status, problem = api(small, f"/lanes/{flow}/{'k' * 1025}/park", {"reason": "x"})
    assert status == 422 and "1025" in problem["detail"]
    assert api(small, f"/lanes/{flow}/{'k' * 1024}/park", {"reason": "x"})[0] == 200
    for words in [("show", flow, ""), ("park", flow, "", "--reason", "x"), ("release", flow, "")]:
        code, _, err = belay("lane", *words, data=small.data)
        assert code == 64 and "KEY is empty" in err, (words, err)
    code, _, err = belay("lane", "release", "--flow", flow, "--key", "", "--yes", data=small.data)
    assert code == 1 and "'key'" in err  # a variable that is not set does not mean all
    assert small.letters()[0]["held"] == 3


def test_to_where_nobody_reads_is_moved_only_with_force(stuck):
    small, flow, _ = stuck
    with open(os.path.join(small.config, "belay.yaml"), "r+") as f:
        text = f.read().replace("  work: {}\nflows:", "  work: {}\n  aside: {}\nflows:")
        f.seek(0)
        f.write(text)
    small.belay.send_signal(signal.SIGHUP)
    until(lambda: any(t["name"] == "aside" for t in api(small, "/topics")[1]["topics"]))
    code, _, err = belay("lane", "move", flow, "a", "--to", "aside", data=small.data)
    assert code == 1 and "nobody reads aside" in err and "--force" in err
    assert small.letters()[0]["held"] == 3
    out = belay("lane", "move", flow, "a", "--to", "aside", "--force", data=small.data, check=True)[1]
    assert "3 messages of 1 lane moved to aside" in out
    code, _, err = belay("lane", "move", flow, "a", "--to", "nowhere", data=small.data)
    assert code == 1 and "there is no topic, queue or flow 'nowhere'" in err


def test_a_letter_and_a_lane_can_be_read_at_night(stuck):
    small, flow, seq = stuck
    belay("dlq", "edit", flow, seq, "--transform", '$merge([$, {"id": "it\'s"}])', "--why", "a quote", data=small.data, check=True)
    shown = belay("dlq", "show", flow, seq, data=small.data, check=True)[1]
    for part in [f"letter {seq} of {flow}, parked since ", "HTTP:CLIENT_ERROR (permanent, status 409) at step call",
                 "a: 3 later messages of it wait", "what was tried:", "ATTEMPT", "the message as it is now (edited):",
                 "the message as it came:", '"id": "unshippable-1"', "what persons did:", "a quote", "what helps:",
                 f"belay dlq edit {flow} {seq}", f"belay dlq release {flow} {seq}", f"--data {small.data}"]:
        assert part in shown, (part, shown)
    lane = belay("lane", "show", flow, "a", data=small.data, check=True)[1]
    for part in ["key a of work: ", "state         parked", f"head          {seq}", "what was tried:", "held, in order: ",
                 "what helps:", f"belay lane release {flow} a"]:
        assert part in lane, (part, lane)
    assert belay_json("lane", "show", flow, "a", data=small.data)["held"] == 3
    listed = belay("dlq", "ls", data=small.data, check=True)[1]
    assert "CLASS" in listed and "permanent" in listed


def test_of_a_name_that_comes_twice_the_last_counts(small):
    def post(text):
        c = http.client.HTTPConnection("127.0.0.1", small.api, timeout=60)
        c.request("POST", "/work", text, {"content-type": "application/json"})
        answer = c.getresponse()
        problem = answer.read().decode()
        c.close()
        return answer.status, problem

    assert post('{"id": "first", "key": "k", "id": "twice"}')[0] == 202
    until(lambda: shipped(small, "twice"))
    assert not shipped(small, "first")
    status, problem = post('{"id": "x",\n "key": }')
    assert status == 400 and "line 2" in problem, problem


def test_an_audit_of_a_flow_that_is_not_there_says_so(small):
    code, out, err = belay("audit", "--flow", "nope", data=small.data)
    assert code == 1 and "'nope'" in err and "lost" not in out
    assert belay("audit", "--flow", "work", data=small.data)[0] == 0
    small.stop()
    code, out, err = belay("audit", "--flow", "nope", data=small.data)
    assert code == 1 and "'nope'" in err and "lost" not in out


def test_how_long_the_oldest_of_a_paused_flow_waits_is_known_after_a_restart_too(small):
    belay("flow", "pause", "work", "--reason", "a test", data=small.data, check=True)
    before = time.time()
    small.put("o-1", "a")
    after = time.time()
    small.kill()
    small.start()

    def oldest():
        subscriptions = belay_json("status", data=small.data)["subscriptions"]
        return next(s["oldest_ms"] for s in subscriptions if s["name"] == "work")
    until(lambda: oldest() > 0)
    least = (time.time() - after) * 1000
    told = oldest()
    assert least - 1000 <= told <= (time.time() - before) * 1000 + 1000


def test_a_backup_of_a_directory_keeps_the_rate_that_was_asked_for(small):
    for i in range(20):
        small.put(f"b-{i}", "a")
    small.stop()
    code, _, err = belay("store", "backup", small.data + "-none", "--rate", "0", data=small.data)
    assert code == 64 and "--rate" in err
    belay("store", "backup", small.data + "-fast", data=small.data, check=True)
    size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(small.data + "-fast") for f in fs)
    began = time.time()
    belay("store", "backup", small.data + "-slow", "--rate", str(int(size / 2)), data=small.data, check=True)
    assert time.time() - began > 1  # two seconds' worth, and a bucket that is full at first
