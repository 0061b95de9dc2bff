"""belay schema validate: faults with their places, dialects, remotes, exit codes."""
import json
import subprocess

import pytest
from world import BELAY

ORDER = """{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "$id": "https://x.org/order",
  "required": ["id", "items"],
  "properties": {
    "id": {"type": "string"},
    "items": {"type": "array", "items": {"$ref": "line#/definitions/line"}}
  }
}
"""
LINE = """{"definitions": {"line": {
  "properties": {"qty": {"type": "integer", "minimum": 1}, "at": {"format": "date"}}}}}
"""
BAD = """{
  "items": [
    {"qty": 1},
    {"qty": 0, "at": "2024-02-30"}
  ]
}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "remotes" / "x.org").mkdir(parents=True)
    (tmp_path / "remotes" / "x.org" / "line.json").write_text(LINE)
    (tmp_path / "order.json").write_text(ORDER)
    (tmp_path / "bad.json").write_text(BAD)
    (tmp_path / "good.json").write_text('{"id": "a", "items": []}')
    (tmp_path / "bad.yaml").write_text("id: 7\nitems:\n  - qty: 2\n  - qty: 1.5\n    at: 2024-02-29\n")
    return tmp_path


def validate(folder, *args, stdin=None):
    return subprocess.run([BELAY, "schema", "validate", *args], cwd=folder, input=stdin, capture_output=True, text=True,
                          timeout=60)


def test_every_fault_is_told_with_its_place(folder):
    done = validate(folder, "order.json", "bad.json", "bad.yaml", "good.json", "--remotes", "remotes")
    assert done.stdout.splitlines() == [
        "bad.json:4:13: /items/1/qty: 0 is less than the minimum 1",
        'bad.json:4:22: /items/1/at: "2024-02-30" is no date',
        'bad.json:1:1: the member "id" is missing',
        "bad.json: 3 faults",
        "bad.yaml:1:5: /id: 7 is a number, not string",
        "bad.yaml:4:10: /items/1/qty: 1.5 is a number, not integer",
        "bad.yaml: 2 faults",
        "good.json: valid",
    ]
    assert (done.stderr, done.returncode) == ("", 1)


def test_detailed_says_where_the_schema_says_so(folder):
    done = validate(folder, "order.json", "bad.json", "--remotes=remotes", "--output=detailed")
    assert "    says remotes/x.org/line.json:2:56: https://x.org/line#/definitions/line/properties/qty/minimum" in \
        done.stdout.splitlines()
    done = validate(folder, "order.json", "bad.json", "--remotes=remotes", "--output=detailed", "--json")
    errors = json.loads(done.stdout)["errors"]
    assert errors[2] == {"instanceLocation": "", "line": 1, "column": 1, "errors": [
        {"keywordLocation": "/required", "error": 'the member "id" is missing',
         "schema": {"file": "order.json", "line": 4, "column": 15}}]}


def test_json_is_a_line_for_each_instance(folder):
    done = validate(folder, "order.json", "good.json", "bad.json", "--remotes=remotes", "--json")
    good, bad = map(json.loads, done.stdout.splitlines())
    assert good == {"instance": "good.json", "valid": True}
    assert bad["errors"][0] == {
        "instanceLocation": "/items/1/qty", "line": 4, "column": 13, "error": "0 is less than the minimum 1",
        "keywordLocation": "https://x.org/line#/definitions/line/properties/qty/minimum"}


def test_standard_input_is_an_instance(folder):
    done = validate(folder, "order.json", "-", "--remotes=remotes", stdin='{"id":"a","items":[]}')
    assert (done.stdout, done.returncode) == ("-: valid\n", 0)


@pytest.mark.parametrize("schema, message", [
    ('{"type":\n "strin"}', 'wrong.json:1:1: error: there is no type "strin"'),
    ('{"a": {},\n "properties": {"x": {"pattern": "("}}}', 'wrong.json:2:22: error: the pattern "("'),
    ('{"$ref": "#/none"}', "wrong.json:1:1: error: the reference #/none leads to nothing"),
    ('{"$ref": "http://x.org/none"}', "error: the reference to http://x.org/none leads to no known document"),
    ('{"$ref": "#"}', "error: the schema refers to itself"),
    ('{"$schema": "http://unknown/"}', "error: the dialect http://unknown/ is not known"),
    ('{"type": ', "wrong.json:1:10: error: expected a value"),
    ("[" * 2000, "wrong.json:1:513: error: nested too deeply"),
])
def test_a_schema_that_cannot_be_used_is_named_with_its_place(folder, schema, message):
    (folder / "wrong.json").write_text(schema)
    done = validate(folder, "wrong.json", "good.json")
    assert message in done.stderr
    assert (done.stdout, done.returncode) == ("", 78)


def test_what_is_relative_to_an_id_lies_beside_the_file(folder):
    (folder / "s").mkdir()
    (folder / "s/o.json").write_text('{"$id": "https://x.test/s/o.json", "properties": {"a": {"$ref": "a.json"}, "b": {"$ref": "https://x.test/s/a.json#/$defs/b"}}}')
    (folder / "s/a.json").write_text('{"$id": "https://x.test/s/a.json", "$ref": "c.json", "$defs": {"b": {"type": "string"}}}')
    (folder / "s/c.json").write_text('{"type": "integer"}')
    (folder / "i.json").write_text('{"a": 1, "b": "x"}')
    (folder / "j.json").write_text('{"a": "x", "b": 1}')
    assert validate(folder, "s/o.json", "i.json").stdout == "i.json: valid\n"
    assert validate(folder, "s/o.json", "j.json").stdout.endswith("j.json: 2 faults\n")
    (folder / "s/c.json").unlink()
    done = validate(folder, "s/o.json", "i.json")
    assert done.returncode == 78 and "https://x.test/s/c.json leads to no known document" in done.stderr and "--remotes" in done.stderr


def test_an_unknown_keyword_is_a_warning_or_an_error(folder):
    (folder / "typo.json").write_text('{\n "minLenght": 3, "x-mine": 1}')
    done = validate(folder, "typo.json", "good.json")
    assert done.stderr == 'typo.json:2:15: warning: the keyword "minLenght" is not known and changes nothing; did you mean "minLength"?\n'
    assert (done.stdout, done.returncode) == ("good.json: valid\n", 0)
    assert validate(folder, "typo.json", "good.json", "--strict").returncode == 78


def test_options_choose_dialect_and_formats(folder):
    (folder / "s.json").write_text('{"type": "string", "nullable": true, "format": "date"}')
    (folder / "null.json").write_text("null")
    (folder / "text.json").write_text('"x"')
    assert validate(folder, "s.json", "null.json").returncode == 1
    assert validate(folder, "s.json", "null.json", "--dialect", "openapi-3.0").returncode == 0
    assert validate(folder, "s.json", "text.json").returncode == 1
    assert validate(folder, "s.json", "text.json", "--no-formats").returncode == 0
    assert validate(folder, "s.json", "text.json", "--dialect", "draft-3").returncode == 64


def test_exit_codes_tell_what_failed(folder):
    (folder / "broken.json").write_text("{")
    args = ("--remotes", "remotes")
    assert validate(folder, "order.json", "good.json", *args).returncode == 0
    assert validate(folder, "order.json", "broken.json", *args).returncode == 1
    assert validate(folder, "order.json", "none.json", "bad.json", *args).returncode == 74
    assert validate(folder, "none.json", "bad.json").returncode == 74
    assert validate(folder, "/dev/zero", "bad.json").returncode == 78
    assert validate(folder, "order.json").returncode == 64


def test_ten_megabytes_and_a_costly_pattern_end_soon(folder):
    items = [{"qty": i % 7, "at": "2024-02-29"} for i in range(300_000)]
    (folder / "big.json").write_text(json.dumps({"id": "a", "items": items}))
    done = validate(folder, "order.json", "big.json", "--remotes=remotes")
    assert done.stdout.splitlines()[-1] == "big.json: 42858 faults"
    (folder / "costly.json").write_text('{"pattern": "^(a+)+$"}')
    (folder / "text.json").write_text(json.dumps("a" * 200 + "b"))
    done = validate(folder, "costly.json", "text.json")
    assert "is too costly to match with the pattern ^(a+)+$" in done.stdout
