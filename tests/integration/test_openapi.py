"""OpenAPI through the real binary: parameters, forms, tokens, what is published, several files, the mock."""
import base64
import hashlib
import hmac
import http.server
import json
import os
import signal
import socket
import subprocess
import textwrap
import threading
import time

import pytest

from world import demo, until

BELAY = os.environ.get("BELAY", os.path.join(os.path.dirname(__file__), "../../build/release/belay"))

CONFIG = """
belay: 1
name: door
apis:
  door:
    listen: "127.0.0.1:{port}"
    openapi: door.yaml
    responses: enforce
    security:
      Key: {{ keys: {{ partner: "${{PARTNER_KEY}}" }} }}
      Token: {{ jwks: "{jwks}", issuer: "https://id.test", audience: [ orders ], refresh: 1h }}
flows:
  show:
    from: {{ api: door, operation: show }}
    reply: {{ status: 200, body: "{{% $merge([$request, {{ 'headers': 0 }}]) %}}" }}
  form:
    from: {{ api: door, operation: form }}
    reply: {{ status: 200, body: "{{% $ %}}" }}
  wrong:
    from: {{ api: door, operation: wrong }}
    reply: {{ status: 200, body: "{{% {{ 'id': 'x' }} %}}" }}
"""

DOOR = """
openapi: 3.0.3
info: { title: Door, version: "1" }
servers: [ { url: "https://x.test/v1" } ]
paths:
  /items/{ids}:
    get:
      operationId: show
      deprecated: true
      security: [ { Key: [] }, { Token: [ read ] } ]
      parameters:
        - { name: ids, in: path, required: true, schema: { type: array, items: { type: integer } } }
        - { name: filter, in: query, style: deepObject, explode: true, schema: { $ref: "shared/filter.yaml#/Filter" } }
        - { name: s, in: cookie, schema: { type: integer } }
      responses: { "200": { description: ok } }
  /form:
    post:
      operationId: form
      requestBody:
        required: true
        content:
          multipart/form-data: { schema: { $ref: "shared/form.json" } }
          application/x-www-form-urlencoded: { schema: { $ref: "shared/form.json" } }
      responses: { "200": { description: ok } }
  /wrong:
    get:
      operationId: wrong
      responses:
        "200": { description: ok, content: { application/json: { schema: { type: object, properties: { id: { type: integer } } } } } }
components:
  securitySchemes:
    Key: { type: apiKey, in: header, name: X-Key }
    Token: { type: http, scheme: bearer, bearerFormat: JWT }
"""

FILTER = """
Filter:
  type: object
  properties: { from: { $ref: "#/Number" }, to: { $ref: "#/Number" } }
Number: { type: integer, minimum: 0 }
"""

FORM = {"type": "object", "required": ["n"], "properties": {"n": {"$ref": "filter.yaml#/Number"}, "file": {"type": "string", "format": "binary"}}}

SECRET = b"0123456789abcdef0123456789abcdef"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(claims, header=None, secret=SECRET):
    head = b64(json.dumps(header or {"alg": "HS256", "kid": "h"}).encode())
    body = b64(json.dumps(claims).encode())
    mac = hmac.new(secret, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{b64(mac)}"


def rsa_token(folder, claims):
    """Signed by the openssl program; also the key's JWK."""
    key = os.path.join(folder, "rsa.pem")
    if not os.path.exists(key):
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    modulus = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
    n = bytes.fromhex(modulus.strip().split("=")[1])
    text = b64(json.dumps({"alg": "RS256", "kid": "r"}).encode()) + "." + b64(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(), check=True, capture_output=True).stdout
    return text + "." + b64(signature), {"kty": "RSA", "kid": "r", "n": b64(n), "e": "AQAB"}


def claims(**more):
    return {"iss": "https://id.test", "aud": "orders", "exp": time.time() + 60, "sub": "ann", "scope": "read", **more}


def call(port, method, path, headers=None, body=b""):
    """Status, headers (lower case), body: by hand, so that nothing is tidied up on the way."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in (headers or {}).items())
        s.sendall(head.encode() + b"\r\n" + body)
        data = b""
        while chunk := s.recv(65536):
            data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = dict((line.split(": ", 1)[0].lower(), line.split(": ", 1)[1]) for line in lines[1:])
    return int(lines[0].split()[1]), fields, rest


class Keys(http.server.BaseHTTPRequestHandler):
    answer, times = b"", []

    def do_GET(self):
        Keys.times.append((time.monotonic(), Keys.answer))
        self.send_response(200 if Keys.answer else 500)
        self.send_header("content-length", str(len(Keys.answer)))
        self.end_headers()
        self.wfile.write(Keys.answer)

    def log_message(self, *args):
        pass


@pytest.fixture
def keys():
    server = http.server.HTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Keys.times = []
    Keys.answer = json.dumps({"keys": [{"kty": "oct", "kid": "h", "alg": "HS256", "k": b64(SECRET)}]}).encode()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()


def start(tmp_path, jwks):
    port = demo.free_port()
    os.makedirs(tmp_path / "shared", exist_ok=True)
    (tmp_path / "belay.yaml").write_text(CONFIG.format(port=port, jwks=jwks))
    (tmp_path / "door.yaml").write_text(DOOR)
    (tmp_path / "shared/filter.yaml").write_text(FILTER)
    (tmp_path / "shared/form.json").write_text(json.dumps(FORM))
    log = open(tmp_path / "log", "ab")
    process = subprocess.Popen([BELAY, "run", "--data", str(tmp_path / "data"), str(tmp_path)], stderr=log, stdout=log,
                               env={**os.environ, "PARTNER_KEY": "s3cret"})

    def up():
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False
    until(up)
    return process, port


@pytest.fixture
def door(tmp_path, keys):
    process, port = start(tmp_path, keys)
    yield tmp_path, port, process
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def test_parameters_reach_the_flow_typed(door):
    _, port, _ = door
    status, _, body = call(port, "GET", "/v1/items/1,2,3?filter[from]=4&x=%20y", {"X-Key": "s3cret", "Cookie": "s=5"})
    seen = json.loads(body)
    assert status == 200
    assert seen["params"] == {"ids": [1, 2, 3]} and seen["query"] == {"filter": {"from": 4}, "x": " y"}
    assert seen["cookies"] == {"s": 5} and seen["auth"] == {"scheme": "Key", "subject": "partner"}
    status, _, body = call(port, "GET", "/v1/items/1,x?filter[from]=-1", {"X-Key": "s3cret"})
    assert status == 400 and {e["parameter"] for e in json.loads(body)["errors"]} == {"ids", "filter"}
    assert call(port, "GET", "/items/1", {"X-Key": "s3cret"})[0] == 404


def test_tokens_open_the_door_and_forged_ones_do_not(door):
    folder, port, _ = door
    until(lambda: call(port, "GET", "/v1/items/1", bearer(token(claims())))[0] != 503)
    status, _, body = call(port, "GET", "/v1/items/1", bearer(token(claims(email="ann@x.test"))))
    assert status == 200 and json.loads(body)["auth"]["claims"]["email"] == "ann@x.test"
    none = b64(b'{"alg":"none"}') + "." + b64(json.dumps(claims()).encode()) + "."
    for bad, why in [(none, "algorithm"), (token(claims(), secret=b"x" * 32), "signature"),
                     (token(claims(exp=time.time() - 120)), "expired"), (token(claims(iss="https://evil.test")), "issuer"),
                     (token(claims(aud="other")), "audience"), (token(claims(nbf=time.time() + 120)), "not valid yet"),
                     ("x\x0b.y.z", "malformed")]:
        status, fields, _ = call(port, "GET", "/v1/items/1", bearer(bad))
        assert status in (400, 401), bad
        if status == 401:
            assert 'error="invalid_token"' in fields["www-authenticate"] and why in fields["www-authenticate"]
    status, fields, _ = call(port, "GET", "/v1/items/1", bearer(token(claims(scope="write"))))
    assert status == 403 and 'error="insufficient_scope", scope="read"' in fields["www-authenticate"]
    status, fields, _ = call(port, "GET", "/v1/items/1")
    assert status == 401 and fields["www-authenticate"].startswith('ApiKey realm="door"')
    assert 'Bearer realm="door"' in fields["www-authenticate"] and "error=" not in fields["www-authenticate"]


def test_a_jwks_file_and_a_real_rsa_signature(tmp_path):
    text, jwk = rsa_token(str(tmp_path), claims())
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    process, port = start(tmp_path, "jwks.json")
    try:
        assert call(port, "GET", "/v1/items/1", bearer(text))[0] == 200
        confused = token(claims(), {"alg": "HS256", "kid": "r"}, jwk["n"].encode())
        assert call(port, "GET", "/v1/items/1", bearer(confused))[0] == 401
        assert call(port, "GET", "/v1/items/1", bearer(text[:-4] + "AAAA"))[0] == 401
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_forms_become_json(door):
    _, port, _ = door
    status, _, body = call(port, "POST", "/v1/form", {"Content-Type": "application/x-www-form-urlencoded"}, b"n=5&note=a+b")
    assert status == 200 and json.loads(body) == {"n": 5, "note": "a b"}
    parts = b"--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n7\r\n--b\r\n" \
            b"Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: application/pdf\r\n\r\n\x00\xff\r\n--b--\r\n"
    status, _, body = call(port, "POST", "/v1/form", {"Content-Type": "multipart/form-data; boundary=b"}, parts)
    assert status == 200 and json.loads(body) == {"n": 7, "file": base64.b64encode(b"\x00\xff").decode()}
    assert call(port, "POST", "/v1/form", {"Content-Type": "multipart/form-data; boundary=c"}, parts)[0] == 400
    assert call(port, "POST", "/v1/form", {"Content-Type": "application/x-www-form-urlencoded"}, b"n=-1")[0] == 422
    giant = b"--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n" + b"1" * (2 << 20) + b"\r\n--b--"
    assert call(port, "POST", "/v1/form", {"Content-Type": "multipart/form-data; boundary=b"}, giant)[0] == 413
    many = b"a=1&" * 10000
    assert call(port, "POST", "/v1/form", {"Content-Type": "application/x-www-form-urlencoded"}, many)[0] == 413


def test_what_is_published_is_one_document(door):
    folder, port, _ = door
    status, fields, body = call(port, "GET", "/openapi.json")
    document = json.loads(body)
    assert status == 200 and set(document["x-files"]) == {"shared/filter.yaml", "shared/form.json"}
    assert document["x-files"]["shared/form.json"]["properties"]["n"]["$ref"] == "#/x-files/shared~1filter.yaml/Number"
    assert call(port, "GET", "/openapi.json", {"If-None-Match": fields["etag"]})[0] == 304
    assert call(port, "GET", "/openapi.yaml")[2].startswith(b'openapi: "3.0.3"\n')
    status, fields, body = call(port, "GET", "/docs")
    assert status == 200 and b"<h1>Door</h1>" in body and b"http://" not in body and b"<script" not in body


def test_wrong_answers_and_deprecated_operations_are_told(door):
    folder, port, _ = door
    status, _, body = call(port, "GET", "/v1/wrong")
    assert status == 500 and json.loads(body)["errors"][0]["pointer"] == "/id"
    for _ in range(3):
        call(port, "GET", "/v1/items/1", {"X-Key": "s3cret"})
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines() if line.startswith("{")]
    assert [e["operation"] for e in lines if e["event"] == "api.response_invalid"] == ["wrong"]
    assert len([e for e in lines if e["event"] == "api.deprecated"]) == 1


@pytest.mark.parametrize("name,text,said", [
    ("circle.yaml", "openapi: 3.1.0\npaths: { /a: { $ref: 'circle.yaml#/paths/~1a' } }\n", "circle"),
    ("other.yaml", "openapi: 3.1.0\npaths: { /a: { $ref: 'gone.yaml' } }\n", "gone.yaml"),
    ("url.yaml", "openapi: 3.1.0\npaths: { /a: { $ref: 'https://x.test/a.yaml' } }\n", "nothing is fetched"),
    ("key.yaml", "openapi: 3.1.0\nsecurity: [ { K: [] } ]\npaths: { /a: { get: {} } }\n"
                 "components: { securitySchemes: { K: { type: http, scheme: digest } } }\n", "other than basic and bearer"),
])
def test_documents_that_cannot_be_served(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    done = subprocess.run([BELAY, "mock", "--port", "0", str(tmp_path / name)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 78 and said in done.stderr, done.stderr
    assert done.stderr.startswith(str(tmp_path)) and done.stderr.split(":")[1].isdigit(), done.stderr


MOCK = """
openapi: 3.1.0
info: { title: Mock, version: "1" }
paths:
  /orders/{order_id}:
    get:
      parameters: [ { name: order_id, in: path, required: true, schema: { type: string, pattern: "^o-" } } ]
      responses:
        "200":
          description: ok
          headers: { x-left: { schema: { type: integer, minimum: 1, maximum: 9 } } }
          content: { application/json: { schema: { type: object, required: [ order_id, total ], properties: {
            order_id: { type: string }, total: { type: integer, minimum: 10, maximum: 99 }, at: { type: string, format: date-time } } } } }
        "404":
          description: no
          content: { application/json: { examples: { gone: { value: { why: gone } }, late: { value: { why: late } } } } }
    put:
      parameters: [ { name: order_id, in: path, required: true, schema: { type: string } } ]
      responses: { default: { description: "no" }, "404": { description: "no" }, "201": { description: made }, "202": { description: taken } }
    delete:
      parameters: [ { name: order_id, in: path, required: true, schema: { type: string } } ]
      responses: { "404": { description: "no" }, default: { description: maybe } }
"""


@pytest.fixture
def mock(tmp_path):
    (tmp_path / "mock.yaml").write_text(MOCK)
    process = subprocess.Popen([BELAY, "mock", "--port", "0", "--seed", "7", str(tmp_path / "mock.yaml")], stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
    yield port
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def test_the_mock_answers_as_the_document_says(mock):
    status, fields, body = call(mock, "GET", "/orders/o-1")
    seen = json.loads(body)
    assert status == 200 and seen["order_id"] == "o-1" and 10 <= seen["total"] <= 99 and 1 <= int(fields["x-left"]) <= 9
    assert call(mock, "GET", "/orders/o-1")[2] == body
    assert json.loads(call(mock, "GET", "/orders/o-1", {"Prefer": "code=404"})[2]) == {"why": "gone"}
    status, _, body = call(mock, "GET", "/orders/o-1", {"Prefer": "code=404, example=late"})
    assert status == 404 and json.loads(body) == {"why": "late"}
    assert call(mock, "GET", "/orders/o-1", {"Prefer": "code=418"})[0] == 404
    status, _, body = call(mock, "GET", "/orders/o-1", {"Prefer": "code=404, example=later"})
    assert status == 404 and json.loads(body)["detail"] == "there is no example 'later' here; there is gone, late"
    assert call(mock, "GET", "/orders/x")[0] == 400
    assert call(mock, "PUT", "/orders/o-1")[0] == 201  # not `default`, which mostly is of errors
    assert call(mock, "DELETE", "/orders/o-1")[0] == 200
    assert call(mock, "GET", "/orders/o-1", {"Accept": "text/html"})[0] == 406
    assert call(mock, "GET", "/docs")[0] == 200


def test_each_seed_has_answers_of_its_own(tmp_path):
    """Also where the first values that are tried do not fit the schema, and neighbours might meet."""
    (tmp_path / "mock.yaml").write_text("""
openapi: 3.1.0
info: { title: Mock, version: "1" }
paths:
  /a:
    get:
      responses: { "200": { description: ok, content: { application/json: { schema: {
        type: array, minItems: 4, uniqueItems: true, items: { type: integer, minimum: 1, maximum: 9 } } } } } }
""")
    seen = []
    for seed in range(6):
        process = subprocess.Popen([BELAY, "mock", "--port", "0", "--seed", str(seed), str(tmp_path / "mock.yaml")], stdout=subprocess.PIPE, text=True)
        port = int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
        seen.append(call(port, "GET", "/a")[2])
        assert call(port, "GET", "/a")[2] == seen[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert len(set(seen)) >= 5, seen


def test_the_mock_of_the_example_does_what_the_documentation_says():
    document = os.path.join(os.path.dirname(__file__), "../../examples/order-fulfilment/storefront.openapi.yaml")
    process = subprocess.Popen([BELAY, "mock", "--port", "0", document], stdout=subprocess.PIPE, text=True)
    port = int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
    try:
        assert json.loads(call(port, "GET", "/orders/o-1001")[2])["status"] == "shipping"
        assert json.loads(call(port, "GET", "/orders/o-1001", {"Prefer": "example=late"})[2])["status"] == "needs_attention"
        assert call(port, "GET", "/orders/o-1001", {"Prefer": "code=404"})[0] == 404
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


LENT = """
belay: 1
name: lent
env: {{ REGION: "${{REGION}}" }}
tables:
  vat: vat.json
  skus: {{ file: skus.csv, key: sku }}
apis: {{ a: {{ listen: "127.0.0.1:{port}", openapi: api.yaml }} }}
flows:
  f:
    from: {{ api: a, operation: f }}
    steps:
      - set: {{ now: "{{% $now() %}}" }}
      - choose: [ {{ when: "{{% fail %}}", steps: [ {{ map: "{{% $error('no such customer') %}}" }} ] }} ]
    reply:
      status: 200
      body: >-
        {{% {{ 'vat': $lookupTable('vat', 'DE'), 'name': $lookupTable('skus', 'A').name, 'none': $lookupTable('skus', 'Z'),
        'region': $env('REGION'), 'fixed': $now() = $vars.now and $now() = $message.accepted_at }} %}}
    on_error:
      - when: EXPRESSION:T2001
        steps: [ {{ reply: {{ status: 500 }} }} ]
      - when: EXPRESSION:D3137
        steps: [ {{ reply: {{ status: 404, body: "{{% $error.description %}}" }} }} ]
"""


def test_what_the_configuration_lends_to_expressions(tmp_path):
    port = demo.free_port()
    (tmp_path / "belay.yaml").write_text(LENT.format(port=port))
    (tmp_path / "api.yaml").write_text("openapi: 3.1.0\ninfo: { title: t, version: '1' }\npaths: { /f: { post: { operationId: f, requestBody: { content: "
                                       "{ application/json: {} } }, responses: { '200': { description: ok }, '404': { description: no } } } } }\n")
    (tmp_path / "vat.json").write_text('{"DE": 19}')
    (tmp_path / "skus.csv").write_text("sku,name\nA,Rope\n")
    log = open(tmp_path / "log", "w")
    process = subprocess.Popen([BELAY, "run", "--data", str(tmp_path / "data"), str(tmp_path)], stdout=log, stderr=log, env={**os.environ, "REGION": "eu"})

    def ask(body=b"{}"):
        return call(port, "POST", "/f", {"Content-Type": "application/json"}, body)

    def said():
        return (tmp_path / "log").read_text()

    try:
        assert until(lambda: "runtime.ready" in said())
        assert json.loads(ask()[2]) == {"vat": 19, "name": "Rope", "region": "eu", "fixed": True}
        status, _, body = ask(b'{"fail": true}')
        assert status == 404 and body.startswith(b'"no such customer (D3137')
        (tmp_path / "vat.json").write_text('{"DE": 16}')
        process.send_signal(signal.SIGHUP)
        assert until(lambda: json.loads(ask()[2])["vat"] == 16)
        (tmp_path / "vat.json").write_text("{bad")  # what runs keeps the tables it has
        process.send_signal(signal.SIGHUP)
        assert until(lambda: "config.reload_failed" in said())
        assert json.loads(ask()[2])["vat"] == 16
        assert "vat.json:1:2: error: expected a member's name" in said()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
