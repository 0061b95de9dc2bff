"""Letters that were exported become letters again: once, with their history, where they came from."""
import json
import urllib.request

from test_letters import SETTLE, api, charges, many, mapped  # noqa: F401 (fixtures)
from test_operations import Small, shipped
from world import belay, belay_json, until


def export(world, path, *filters):
    text = belay("dlq", "export", *filters, data=world.data, check=True)[1]
    path.write_text(text)
    return [json.loads(line) for line in text.splitlines()]


def imported(world, path, *more):
    code, out, err = belay("dlq", "import", str(path), "--json", *more, data=world.data)
    return code, json.loads(out), err


def counts(done):
    return done["imported"], done["there"], done["failed"]


def without_start(x):
    """Its times have milliseconds in the export: when an attempt started follows from them."""
    return [{k: v for k, v in attempt.items() if k != "started_at"} for attempt in x["history"]]


def audit(world):
    return belay("audit", data=world.data, check=True)[1]


def test_what_was_discarded_comes_back_once_with_its_history(many, tmp_path):
    file = tmp_path / "letters.ndjson"
    before = export(many, file)
    assert len(before) == 10
    code, done, _ = imported(many, file)
    assert code == 0 and counts(done) == (0, 10, 0)  # all are there still
    belay("dlq", "discard", "--all", "--yes", "--reason", "by mistake", data=many.data, check=True)
    code, done, _ = imported(many, file, "--dry-run")
    assert code == 0 and counts(done) == (10, 0, 0) and many.letters() == []
    code, done, _ = imported(many, file, "--reason", "discarded by mistake")
    assert code == 0 and counts(done) == (10, 0, 0)
    after = {x["message"]["id"]: x for x in export(many, tmp_path / "again")}
    for x in before:
        y = after[x["message"]["id"]]
        for member in ("flow", "topic", "key", "attempts", "error", "class", "status", "group", "payload_hash",
                       "first_attempt_at"):
            assert y[member] == x[member], member
        assert without_start(y) == without_start(x)
        assert y["state"] == "dead" and y["sequence"] > 10 and y["message"]["body"] == x["message"]["body"]
    assert "lost 0" in audit(many)
    many.kill()
    many.start()
    code, done, _ = imported(many, file)
    assert code == 0 and counts(done) == (0, 10, 0)  # also by who has died meanwhile
    assert len(many.letters()) == 10 and "lost 0" in audit(many)
    shown = belay_json("dlq", "show", "work", str(after[before[0]["message"]["id"]]["sequence"]), data=many.data)
    assert [(e["did"], e["detail"], e["reason"]) for e in shown["trail"]] == [
        ("import", f"was letter {before[0]['sequence']}", "discarded by mistake")]
    many.faults(warehouse={"error": 0})
    out = belay("dlq", "replay", "--all", "--error", "HTTP:500", data=many.data, check=True)[1]
    assert "4 done" in out
    until(lambda: all(shipped(many, f"s-{i}") for i in range(4)))
    code, done, _ = imported(many, file)
    assert counts(done) == (0, 10, 0) and len(many.letters()) == 6  # what is done stays done
    assert "lost 0" in audit(many)


def test_a_replay_of_an_imported_letter_goes_on_at_the_failed_step(charges, tmp_path):
    charges.faults(warehouse={"error": 1.0}, payments={"lost": 0})
    charges.put("p-1", "p1")
    until(lambda: [x for x in charges.letters() if x["key"] == "p1"])
    file = tmp_path / "letters.ndjson"
    line, = export(charges, file, "--key", "p1")
    assert line["progress"]
    belay("dlq", "discard", "charge", str(line["sequence"]), "--reason", "x", data=charges.data, check=True)
    assert counts(imported(charges, file)[1]) == (1, 0, 0)
    letter, = [x for x in charges.letters() if x["key"] == "p1"]
    told = api(charges, f"/letters/charge/{letter['sequence']}/rehearse", {})[1]
    assert told["from"] == "failed step" and [c["connection"] for c in told["calls"]] == ["warehouse"], told
    charges.faults(warehouse={"error": 0})
    belay("dlq", "replay", "charge", str(letter["sequence"]), data=charges.data, check=True)
    until(lambda: shipped(charges, "p-1"))
    assert [x for x in charges.letters() if x["key"] == "p1"] == []


def test_an_import_goes_on_only_with_what_was_made_of_its_message(mapped, tmp_path):
    mapped.put("unshippable-1", "k1")
    mapped.put("unshippable-2", "k2")
    letters = {x["key"]: x["sequence"] for x in until(lambda: len(mapped.letters()) == 2 and mapped.letters())}
    belay("dlq", "edit", "work", str(letters["k1"]), "--transform", "$merge([$, { 'id': 'mended-1' }])", data=mapped.data, check=True)
    file = tmp_path / "letters.ndjson"
    lines = {x["key"]: x for x in export(mapped, file)}
    assert lines["k1"]["made_of"] != lines["k2"]["made_of"]
    lines["k2"]["message"]["body"]["id"] = "mended-2"  # in the file
    lines["k2"].pop("body_hex", None)
    file.write_text("".join(json.dumps(x) + "\n" for x in lines.values()))
    belay("dlq", "discard", "--all", "--yes", "--reason", "x", data=mapped.data, check=True)
    assert counts(imported(mapped, file)[1]) == (2, 0, 0)
    letters = {x["key"]: str(x["sequence"]) for x in mapped.letters()}
    out = belay("dlq", "replay", "--all", "--flow", "work", data=mapped.data, check=True)[1]
    assert "2 passed by" in out and "belay dlq replay work " in out and "--from-start" in out, out
    for key, sequence in letters.items():
        assert belay_json("dlq", "show", "work", sequence, data=mapped.data)["unseen"] is True
        code, _, err = belay("dlq", "replay", "work", sequence, data=mapped.data)
        assert code == 1 and f"belay dlq replay work {sequence} --from-start" in err, err
        belay("dlq", "replay", "work", sequence, "--from-start", data=mapped.data, check=True)
        until(lambda: shipped(mapped, key.replace("k", "mended-")))
    until(lambda: mapped.letters() == [])


class Two(Small):
    """Two flows that read one topic."""
    flow = Small.flow.replace("queues:\n  work: {{}}", "topics:\n  work: {{ retain: 1d }}").replace(
        "publish: {{ queue: work", "publish: {{ topic: work").replace(
        "from: {{ queue: work }}", "from: {{ topic: work }}") + """  other:
    from: {{ topic: work }}
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/other-{{% id %}}" }}
    retry: {{ max_attempts: 1 }}
"""


def test_nobody_else_who_reads_the_topic_handles_it_again(tmp_path):
    w = Two(str(tmp_path))
    w.start()
    try:
        w.put("unshippable-1", "a")
        until(lambda: [x["flow"] for x in w.letters()] == ["work"] and shipped(w, "other-unshippable-1"))
        letter, = w.letters()
        file = tmp_path / "letters.ndjson"
        export(w, file)
        belay("dlq", "discard", "work", str(letter["sequence"]), "--reason", "x", data=w.data, check=True)
        assert counts(imported(w, file)[1]) == (1, 0, 0)
        w.put("fine-1", "b")
        until(lambda: shipped(w, "fine-1") and shipped(w, "other-fine-1"))
        balances = {b["flow"]: b for b in belay_json("audit", data=w.data)["balances"]}
        assert balances["other"]["discarded"] == 1 and balances["other"]["done"] == 2 and balances["work"]["dead"] == 1
        assert "lost 0" in audit(w)
    finally:
        w.stop()


def test_what_cannot_be_imported_is_named_by_its_line_and_the_rest_is(many, tmp_path):
    file = tmp_path / "letters.ndjson"
    lines = export(many, file, "--key", "u1") + export(many, tmp_path / "x", "--key", "u2")
    belay("dlq", "discard", "--all", "--yes", "--reason", "x", data=many.data, check=True)
    wrong = [dict(lines[0], flow="elsewhere"), dict(lines[0], topic="other"), {"flow": "work"},
             dict(lines[0], history=[]), dict(lines[0], history=[{"error": "X", "class": "odd"}]),
             dict(lines[0], body_hex="zz"), dict(lines[0], key="k" * 1025), {k: v for k, v in lines[0].items() if k != "message"}]
    file.write_text("\n".join([json.dumps(w) for w in wrong] + ["", "{nonsense", json.dumps(lines[1])]) + "\n")
    code, done, err = imported(many, file)
    assert code == 1 and counts(done) == (1, 0, len(wrong) + 1)
    for n, said in enumerate(["no flow or saga subscription 'elsewhere'", "reads work here", "is missing", "history of 1 to",
                              "'class'", "no hexadecimal", "1025 bytes", "no 'message'"], 1):
        assert any(f"line {n}:" in e and said in e for e in err.splitlines()), (n, err)
    assert [x["key"] for x in many.letters()] == ["u2"]
    assert belay("dlq", "import", str(tmp_path / "none"), data=many.data)[0] == 74
    assert belay("dlq", "import", str(file), "--key", "u1", data=many.data)[0] == 64
    assert api(many, "/letters/import", {"dry": True})[0] == 422


def test_a_body_is_the_same_byte_for_byte(tmp_path):
    w = Small(str(tmp_path))
    with open(w.config + "/door.yaml") as f:
        door = f.read()
    with open(w.config + "/door.yaml", "w") as f:
        f.write(door.replace("{ application/json: { schema: { type: object, required: [id, key] } } }", "{ text/plain: {} }"))
    with open(w.config + "/belay.yaml") as f:
        text = f.read()
    with open(w.config + "/belay.yaml", "w") as f:
        f.write(text.replace('key: "{% key %}" }\n    reply', 'key: k, body: "{% $ %}" }\n    reply')
                .replace('lanes: { key: "{% key %}", on_exhausted: park_key }', "lanes: { key: k, on_exhausted: skip }")
                .replace("/shipments/{% id %}", "/shipments/unshippable-text"))
    w.start()
    try:
        for body in (b"plain text", b'"quoted"', b'{ "spaced" :  1.50 }', b"17"):
            request = urllib.request.Request(f"http://127.0.0.1:{w.api}/work", data=body, headers={"content-type": "text/plain"})
            with urllib.request.urlopen(request) as answer:
                assert answer.status == 202
        until(lambda: len(w.letters()) == 4)
        file = tmp_path / "letters.ndjson"
        before = export(w, file)
        belay("dlq", "discard", "--all", "--yes", "--reason", "x", data=w.data, check=True)
        code, done, err = imported(w, file)
        assert code == 0 and done["imported"] == len(before) == 4, err
        after = {x["message"]["id"]: x["payload_hash"] for x in export(w, tmp_path / "again")}
        assert all(after[x["message"]["id"]] == x["payload_hash"] for x in before)
    finally:
        w.stop()
