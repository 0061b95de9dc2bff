"""`remotes`: schemas and contracts that name others by URL, in flows and in the mock."""
import json
import subprocess

import pytest
from world import BELAY, belay

FLOWS = """belay: 1
name: shop
remotes: published
topics: { orders: {} }
apis: { shop: { listen: "127.0.0.1:0", openapi: shop.yaml } }
flows:
  check:
    from: { topic: orders }
    steps:
      - validate: { schema: order.json }
  place:
    from: { api: shop, operation: place }
    steps:
      - publish: { topic: orders, key: "{% id %}" }
    reply: { status: 202 }
"""
ORDER = """{"$id": "https://x.test/s/order", "properties": {
 "lines": {"items": {"$ref": "line"}},
 "sku": {"$ref": "urn:sku"},
 "meta": {"$ref": "https://json-schema.org/draft/2020-12/schema"}}}"""
SHOP = """openapi: 3.1.0
info: { title: shop, version: "1" }
paths:
  /orders:
    post:
      operationId: place
      requestBody: { content: { application/json: { schema: { $ref: "https://x.test/s/order.json" } } } }
      responses: { "202": { description: ok } }
"""


@pytest.fixture
def folder(tmp_path):
    published = tmp_path / "published" / "x.test" / "s"
    published.mkdir(parents=True)
    (published / "order.json").write_text('{"required": ["id"], "properties": {"line": {"$ref": "line.json#/$defs/line"}}}')
    (published / "line.json").write_text('{"$ref": "#/$defs/line", "$defs": {"line": {"required": ["qty"]}}}')
    (tmp_path / "published" / "deep").mkdir()
    (tmp_path / "published" / "deep" / "sku.yaml").write_text("$id: urn:sku\ntype: string\n")
    (tmp_path / "belay.yaml").write_text(FLOWS)
    (tmp_path / "order.json").write_text(ORDER)
    (tmp_path / "shop.yaml").write_text(SHOP)
    return tmp_path


def lint(folder):
    code, out, err = belay("lint", str(folder))
    return code, (out + err).replace(str(folder) + "/", "")


def test_what_a_url_names_is_found_among_the_remotes(folder):
    assert lint(folder) == (0, "2 flows, 0 sagas, 1 topics and queues, 0 connections; 0 warnings\n")


def test_mistakes_in_a_remote_are_told_where_they_are(folder):
    (folder / "published" / "x.test" / "s" / "line.json").write_text('{"$defs": {"line": {\n"type": "strin"}}, "$ref": "#/$defs/line"}')
    code, said = lint(folder)
    assert code == 78 and 'published/x.test/s/line.json:1:12: error: there is no type "strin"' in said, said


def test_what_is_not_there_is_told_at_the_reference(folder):
    (folder / "published" / "deep" / "sku.yaml").unlink()
    (folder / "published" / "x.test" / "s" / "order.json").unlink()
    code, said = lint(folder)
    assert code == 78 and "shop.yaml:7:69:" in said and "order.json:3:2:" in said and said.count("remotes") == 2, said


def test_a_folder_that_is_not_there_is_told(folder):
    (folder / "belay.yaml").write_text(FLOWS.replace("remotes: published", "remotes: elsewhere"))
    code, said = lint(folder)
    assert code == 78 and "belay.yaml:3:10: error: there is no folder elsewhere" in said, said


def test_the_mock_takes_remotes_too(folder):
    process = subprocess.Popen([BELAY, "mock", "--port", "0", "--remotes", str(folder / "published"), str(folder / "shop.yaml")],
                               stdout=subprocess.PIPE, text=True)
    try:
        port = process.stdout.readline().split("127.0.0.1:")[1].split()[0]
        answer = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", f"http://127.0.0.1:{port}/orders", "-H", "content-type: application/json",
                                 "-d", '{"id": 1, "line": {}}'], capture_output=True, text=True, timeout=60, check=True).stdout
        body, code = answer.rsplit("\n", 1)
        assert code == "422" and json.loads(body)["errors"][0]["pointer"] == "/line", answer
    finally:
        process.terminate()
        assert process.wait(60) == 0


def test_a_mock_without_them_says_what_to_do(folder):
    done = subprocess.run([BELAY, "mock", "--port", "0", str(folder / "shop.yaml")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 78 and "nothing is fetched" in done.stderr and "remotes" in done.stderr
