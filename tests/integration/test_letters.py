"""Dead letters as a workbench, through the real binary: who did what, and what became of it."""
import getpass
import json
import os
import select
import subprocess
import urllib.parse

import pytest

from test_operations import FLOW, Small, shipped
from world import belay, belay_json, until


@pytest.fixture
def small(tmp_path):
    w = Small(str(tmp_path))
    w.start()
    yield w
    w.stop()


def api(world, path, body=None, headers=()):
    """The admin API over its unix socket: (status, answer)."""
    more = ["-X", "POST", "-H", "content-type: application/json", "--data-binary", "@-"] if body is not None else []
    for header in headers:
        more += ["-H", header]
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "--unix-socket", os.path.join(world.data, "admin.sock"),
                           *more, "http://belay" + path], check=True, capture_output=True, text=True,
                          input=json.dumps(body) if body is not None else None)
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


@pytest.fixture
def many(tmp_path):
    """Letters of two kinds: refused (409, permanent) and out of order (500, after two tries)."""
    w = Small(str(tmp_path))
    w.start()
    for i in range(6):
        w.put(f"unshippable-{i}", f"u{i}")
    until(lambda: len(w.letters()) == 6)
    w.faults(warehouse={"error": 1.0})
    for i in range(4):
        w.put(f"s-{i}", f"s{i}")
    until(lambda: len(w.letters()) == 10)
    yield w
    w.stop()


def keys(world, *filters):
    return sorted(x["key"] for x in belay_json("dlq", "ls", *filters, data=world.data)["letters"])


def test_letters_are_found_by_what_they_are(many):
    groups = belay_json("dlq", "groups", data=many.data)
    assert groups["total"] == 2 and groups["letters"] == 10
    refused, broken = groups["groups"]
    assert (refused["count"], refused["error"], refused["status"], refused["class"]) == (6, "HTTP:CLIENT_ERROR", 409, "permanent")
    assert (broken["count"], broken["error"], broken["flow"]) == (4, "HTTP:SERVER_ERROR", "work")
    assert refused["hours"][0] + refused["hours"][1] == 6 and refused["first_seen"] <= refused["last_seen"]
    assert belay_json("dlq", "groups", "--sort", "last", data=many.data)["groups"][0]["group"] == broken["group"]
    us, ss = [f"u{i}" for i in range(6)], [f"s{i}" for i in range(4)]
    assert keys(many) == sorted(us + ss)
    assert keys(many, "--group", refused["group"]) == us
    assert keys(many, "--error", "HTTP:409") == us
    assert keys(many, "--error", "class:transient") == ss
    assert keys(many, "--error", "HTTP") == sorted(us + ss)
    assert keys(many, "--key", "u3") == ["u3"] and keys(many, "--key", "nobody") == []
    assert keys(many, "--flow", "work", "--error", "HTTP:SERVER_ERROR", "--key", "s1") == ["s1"]
    assert keys(many, "--older", "1h") == [] and keys(many, "--since", "1h") == sorted(us + ss)
    assert "there are letters of: HTTP:CLIENT_ERROR (6), HTTP:SERVER_ERROR (4)" in belay("dlq", "ls", "--error", "HTPP", data=many.data)[1]
    sample = belay_json("dlq", "show", "work", str(broken["sample"]), data=many.data)
    assert since(many, sample["created_at"], sample["key"])
    assert keys(many, "--until", "2020-01-01") == []
    code, _, err = belay("dlq", "ls", "--since", "yesterday", data=many.data)
    assert code == 1 and "yesterday" in err
    code, _, err = belay("dlq", "ls", "--group", "xyz", data=many.data)
    assert code == 1 and "16" in err
    text = belay("dlq", "groups", data=many.data, check=True)[1]
    assert refused["group"] in text and "HTTP:SERVER_ERROR" in text


def since(world, at, key):
    return key in keys(world, "--since", at)


def test_a_predicate_picks_letters_and_its_errors_are_told(many):
    assert keys(many, "--where", "body.id = 's-2'") == ["s2"]
    assert keys(many, "--where", "$contains(message.body.id, 'unshippable') and status = 409 and $number($substring(key, 1)) > 3") == ["u4", "u5"]
    assert keys(many, "--where", "attempts > 1") == [f"s{i}" for i in range(4)]
    assert keys(many, "--where", "headers.nothing") == []
    code, out, err = belay("dlq", "ls", "--where", "$number(key)", "--json", data=many.data)
    assert code == 0 and json.loads(out)["failed"] == 10 and "could not be told" in err
    code, _, err = belay("dlq", "ls", "--where", "1 +", data=many.data)
    assert code == 1 and "S0207" in err
    _, out = api(many, "/letters?where=true&count=3")
    assert len(out["letters"]) == 3 and out["next"]


def test_a_predicate_that_never_ends_is_refused_and_holds_nobody_up(many):
    for i in range(6, 26):
        many.put(f"unshippable-{i}", f"u{i}")
    until(lambda: len(many.letters()) == 30)
    endless = urllib.parse.quote('$match("%s!", /^(a+)+$/)' % ("a" * 60))
    status, problem = api(many, f"/letters?where={endless}")
    assert status == 422 and "costs too much" in problem["detail"] and "16 letters" in problem["detail"]
    status, problem = api(many, f"/letters/discard?where={endless}", {"reason": "a test"})
    assert status == 422 and len(many.letters()) == 30
    code, _, err = belay("dlq", "replay", "--all", "--where", '$match("%s!", /^(a+)+$/)' % ("a" * 60), data=many.data)
    assert code == 0 and len(many.letters()) == 30, err  # looked at one a step; none of them is wanted


def test_pages_go_on_where_they_ended(many):
    for filters in ([], ["--error", "HTTP:*"], ["--since", "1h"], ["--flow", "work"], ["--where", "true"]):
        seen, after = [], []
        for _ in range(10):
            page = belay_json("dlq", "ls", "--count", "3", *filters, *after, data=many.data)
            seen += [x["key"] for x in page["letters"]]
            if not page["next"]:
                break
            after = ["--after", page["next"]]
        assert sorted(seen) == keys(many), filters
    assert api(many, "/letters?after=nonsense")[0] == 422


def test_the_history_tells_each_attempt(many):
    letter = belay_json("dlq", "ls", "--key", "s1", data=many.data)["letters"][0]
    whole = belay_json("dlq", "show", "work", str(letter["sequence"]), data=many.data)
    assert [a["attempt"] for a in whole["history"]] == [1, 2]
    for attempt in whole["history"]:
        assert attempt["status"] == 500 and attempt["endpoint"].startswith("PUT http://127.0.0.1:")
        assert attempt["started_at"] <= attempt["at"] and attempt["error"] == "HTTP:SERVER_ERROR"
        assert attempt["duration_us"] > 0 and attempt["step"]


def test_letters_are_exported_and_watched(many):
    lines = belay("dlq", "export", "--error", "HTTP:409", data=many.data, check=True)[1].splitlines()
    letters = [json.loads(line) for line in lines]
    assert [x["message"]["body"]["id"] for x in letters] == [f"unshippable-{i}" for i in range(6)]
    assert all(x["history"] for x in letters)
    from world import BELAY
    process = subprocess.Popen([BELAY, "dlq", "watch", "--json", "--data", many.data], stdout=subprocess.PIPE, text=True)
    try:
        n = 0
        while not select.select([process.stdout], [], [], 0.5)[0]:  # until it watches
            n += 1
            many.put(f"unshippable-v{n}", f"v{n}")
        for i in range(3):
            many.put(f"unshippable-w{i}", f"w{i}")
        keys = set()
        while not keys >= {"w0", "w1", "w2"}:
            keys.add(json.loads(process.stdout.readline())["key"])
    finally:
        process.terminate()
        assert process.wait(60) == 0


SETTLE = """
  charge:
    from: {{ queue: work }}
    steps:
      - call: {{ connection: once, method: POST, path: /charges, body: "{{% {{ 'order': id, 'amount': 5 }} %}}" }}
        as: paid
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}", body: "{{% {{ 'paid': $paid.body.ref }} %}}" }}
    on_error:
      - when: [ "HTTP:*" ]
        steps:
          - call: {{ connection: warehouse, method: PUT, path: "/shipments/sorry-{{% id %}}" }}
    retry: {{ max_attempts: 2, initial: 10ms, max: 20ms }}
"""


@pytest.fixture
def charges(tmp_path):
    """A call that may not be repeated, to a system that does the work and loses its answer."""
    w = Small(str(tmp_path))
    path = os.path.join(w.config, "belay.yaml")
    with open(path) as f:
        text = f.read()
    text = text[:text.index("  work:\n    from")] + SETTLE.format()
    text = text.replace("connections:\n", "connections:\n  once:\n    http: { base_url: \"http://127.0.0.1:%d\" }\n"
                        "    timeout: 500ms\n    breaker: false\n" % w.payments, 1)
    with open(path, "w") as f:
        f.write(text)
    w.start()
    w.faults(payments={"lost": 1.0})
    for i in range(4):
        w.put(f"c-{i}", f"c{i}")
    until(lambda: len(w.letters()) == 4)
    w.faults(payments={"lost": 0})
    yield w
    w.stop()


def test_a_person_who_knows_settles_what_nobody_could_tell(charges):
    letters = {x["key"]: x for x in charges.letters()}
    assert all(x["class"] == "unknown_outcome" for x in letters.values()), letters

    def settle(key, *how, check=True):
        return belay("dlq", "settle", "charge", str(letters[key]["sequence"]), *how, data=charges.data, check=check)
    code, _, err = belay("dlq", "replay", "charge", str(letters["c0"]["sequence"]), data=charges.data)
    assert code == 1 and "belay dlq settle charge" in err
    done = belay_json("dlq", "replay", "--all", "--flow", "charge", data=charges.data)
    assert len(charges.letters()) == 4, done
    out = belay("dlq", "replay", "--all", "--flow", "charge", data=charges.data)[1]
    assert "passed by" in out and "belay dlq settle charge " in out, out
    code, out, _ = belay("trace", "c0", data=charges.data)
    assert "belay dlq settle charge" in out and "dlq replay" not in out
    settle("c0", "--done", "--result", '{"ref": "r-1"}', "--reason", "asked payments")
    until(lambda: shipped(charges, "c-0"))
    settle("c1", "--not-done")
    until(lambda: shipped(charges, "sorry-c-1"))
    settle("c2", "--retry")
    until(lambda: shipped(charges, "c-2"))
    assert not shipped(charges, "sorry-c-0") and not shipped(charges, "c-1") and not shipped(charges, "sorry-c-2")
    until(lambda: [x["key"] for x in charges.letters()] == ["c3"])
    code, _, err = settle("c0", "--done", check=False)
    assert code == 1
    code, _, err = settle("c3", "--done", "--retry", check=False)
    assert code == 64
    code, _, err = settle("c3", "--retry", "--result", "1", check=False)
    assert code == 64 and "--done" in err
    code, _, err = settle("c3", "--done", "--result", "{nonsense", check=False)
    assert code == 1
    entries = api(charges, "/trail?what=letter")[1]["trail"]
    assert [(e["did"], e["detail"], e["reason"]) for e in entries] == [
        ("settle", "retry", ""), ("settle", "not-done", ""), ("settle", "done", "asked payments")]
    charges.put("unshippable-9", "u9")  # its call is done, the shipment is refused: no unknown outcome
    charges.faults(warehouse={"error": 1.0})
    charges.put("c-9", "c9")
    letters["c9"] = until(lambda: [x for x in charges.letters() if x["key"] == "c9"])[0]
    code, _, err = settle("c9", "--done", check=False)
    assert code == 1 and "its outcome is known" in err


def test_a_letter_is_edited_and_goes_on(many):
    letter = belay_json("dlq", "ls", "--key", "u1", data=many.data)["letters"][0]
    name = ("work", str(letter["sequence"]))

    def show():
        return belay_json("dlq", "show", *name, data=many.data)

    def edit(*how, **more):
        return belay("dlq", "edit", *name, *how, data=many.data, **more)
    many.faults(warehouse={"error": 0})
    edit("--transform", "$merge([$, { 'id': 'well-1' }])", "--why", "a typing mistake", check=True)
    whole = show()
    assert whole["message"]["body"] == {"id": "well-1", "key": "u1"} and whole["original"]["body"]["id"] == "unshippable-1"
    assert whole["edits"] == 1 and whole["trail"][-1]["did"] == "edit" and whole["trail"][-1]["reason"] == "a typing mistake"
    # two at once: the second is told
    status, problem = api(many, "/letters/%s/%s/edit" % name, {"version": 0, "body": {"id": "mine"}})
    assert status == 409 and "edited meanwhile" in problem["detail"]
    for wrong, said in ((("--transform", "1 +"), "ends where a value"), (("--transform", "nothing"), "yields nothing"),
                        (("--transform", "$"), "nothing was changed")):
        code, _, err = edit(*wrong)
        assert code == 1 and said in err, err
    code, _, err = edit("--patch", "-", stdin='[{"op": "replace", "path": "/nowhere", "value": 1}]')
    assert code == 1 and "/nowhere" in err
    status, problem = api(many, "/letters/%s/%s/edit" % name, {"version": 1, "text": "x" * 1100000})
    assert status == 413
    assert show()["message"]["body"]["id"] == "well-1", "what was refused changed nothing"
    edit("--patch", "-", stdin='[{"op": "replace", "path": "/id", "value": "well-2"}]', check=True)
    assert show()["message"]["body"]["id"] == "well-2"
    edit("--restore", check=True)
    assert show()["message"]["body"]["id"] == "unshippable-1"
    many.kill()
    many.start()
    assert show()["edits"] == 3
    env = {**os.environ, "EDITOR": "sed -i s/unshippable-1/by-hand/", "VISUAL": ""}
    edit(check=True, env=env)
    assert show()["message"]["body"]["id"] == "by-hand"
    code, _, err = edit(env={**env, "EDITOR": "sed -i s/by-hand/broken\\\"/"})
    assert code == 1 and "no JSON" in err and "/tmp/belay-letter-" in err
    os.unlink(err[err.index("/tmp/belay-letter-"):].strip())
    code, _, err = edit(env={**env, "EDITOR": "false"})
    assert code == 1 and "stays as it is" in err
    belay("dlq", "replay", *name, "--from-start", data=many.data, check=True)
    until(lambda: shipped(many, "by-hand"))


class Mapped(Small):
    """Its flow makes a body of its own of each message, and fails behind a call that succeeds."""
    flow = FLOW.replace("      - call: {{ connection: warehouse", """\
      - map: "{{% {{ 'id': id, 'note': 'for ' & key }} %}}"
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/first-{{% key %}}" }}
      - name: second
        call: {{ connection: warehouse""".replace("{% key %}", "{% $replace(id, 'unshippable', 'ok') %}"))


@pytest.fixture
def mapped(tmp_path):
    w = Mapped(str(tmp_path))
    w.start()
    yield w
    w.stop()


def test_a_replay_that_would_not_see_the_edit_says_so(mapped):
    mapped.put("unshippable-1", "k")
    letter = until(mapped.letters)[0]
    name = ("work", str(letter["sequence"]))
    assert letter["step"] == "second" and belay_json("dlq", "show", *name, data=mapped.data)["carries"] is True
    out = belay("dlq", "edit", *name, "--transform", "$merge([$, { 'id': 'mended-1' }])", data=mapped.data, check=True)[1]
    assert f"belay dlq replay work {name[1]} --from-start" in out
    assert f"belay dlq replay work {name[1]} --from-start" in belay("dlq", "show", *name, data=mapped.data)[1]
    code, _, err = belay("dlq", "replay", *name, data=mapped.data)
    assert code == 1 and "--from-start" in err and "--from-step" in err
    out = belay("dlq", "replay", "--all", "--flow", "work", data=mapped.data, check=True)[1]
    assert "1 passed by" in out and f"belay dlq replay work {name[1]} --from-start" in out, out
    code, _, err = belay("lane", "retry", "work", "k", data=mapped.data)
    assert code == 1 and f"belay dlq replay work {name[1]} --from-start" in err, err
    assert mapped.letters()[0]["attempts"] == letter["attempts"], "nothing was done"
    code, _, err = belay("dlq", "replay", *name, "--from-start", "--from-step", data=mapped.data)
    assert code == 64
    belay("dlq", "edit", *name, "--restore", data=mapped.data, check=True)
    code, out, _ = belay("dlq", "replay", *name, data=mapped.data)  # there is no edit to be seen
    assert code == 1 and f"work {name[1]}: a letter again: HTTP:CLIENT_ERROR at second: " in out or "under way" in out, (code, out)
    until(lambda: [x for x in mapped.letters() if x["attempts"] > letter["attempts"]])
    belay("dlq", "edit", *name, "--transform", "$merge([$, { 'id': 'mended-1' }])", data=mapped.data, check=True)
    out = belay("dlq", "replay", *name, "--from-start", data=mapped.data, check=True)[1]
    assert f"work {name[1]}: done" in out or "under way" in out, out
    until(lambda: shipped(mapped, "mended-1"))
    assert api(mapped, "/letters/%s/%s/state" % name)[1]["state"] == "done"


def test_letters_are_discarded_by_filter_with_a_reason(many):
    def discard(*how):
        return belay("dlq", "discard", "--all", *how, data=many.data, stdin="")
    code, _, err = discard("--error", "HTTP:409")
    assert code == 64 and "--reason" in err
    code, _, err = discard("--error", "HTTP:409", "--reason", "test orders")
    assert code == 1 and "6 letters would be" in err and len(many.letters()) == 10
    code, out, _ = discard("--error", "HTTP:409", "--where", "$number($substring(key, 1)) < 4", "--reason", "test orders", "--yes",
                           "--json")
    assert code == 0 and json.loads(out) == {"counted": 4, "discarded": 4}
    assert sorted(x["key"] for x in many.letters()) == ["s0", "s1", "s2", "s3", "u4", "u5"]
    entries = api(many, "/trail")[1]["trail"]
    assert entries[0]["did"] == "discard" and entries[0]["reason"] == "test orders" and entries[0]["detail"].startswith("4 letters, ")
    assert discard("--reason", "all of them", "--yes")[0] == 0 and many.letters() == []
    assert belay_json("dlq", "groups", data=many.data)["groups"] == []
    assert "0 letters" in discard("--reason", "none left", "--yes")[1]
    status = belay_json("status", data=many.data)
    assert [s for s in status["subscriptions"] if s.get("discarded")][0]["discarded"] == 10


def test_a_filter_that_is_not_understood_is_no_replay_of_everything(many):
    before = len(belay_json("dlq", "ls", data=many.data)["letters"])
    assert api(many, "/replays", {"flwo": "work"})[0] == 422
    assert api(many, "/replays", {"flow": 7})[0] == 422
    assert api(many, "/replays", [])[0] == 422
    plain = subprocess.run(["curl", "-sS", "-o", os.devnull, "-w", "%{http_code}", "-d", '{"flow":"nosuch"}', "--unix-socket",
                            os.path.join(many.data, "admin.sock"), "http://belay/replays"], capture_output=True, text=True)
    assert plain.stdout == "415"
    assert belay("dlq", "discard", "--all", "--dry-run", "--yes", "--reason", "x", data=many.data)[0] == 64
    assert belay("dlq", "replay", "work", "1", "--all", data=many.data)[0] == 64
    assert len(belay_json("dlq", "ls", data=many.data)["letters"]) == before
