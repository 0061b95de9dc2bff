"""Who may come in, over real TLS and with keys that change; and what cannot be smuggled out through a header."""
import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from test_openapi import BELAY, Keys, b64, bearer, call, claims, door, keys, token  # noqa: F401
from world import demo, until


def run(tmp_path, port):
    log = open(tmp_path / "log", "ab")
    process = subprocess.Popen([BELAY, "run", "--data", str(tmp_path / "data"), str(tmp_path)], stderr=log, stdout=log)

    def up():
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            return False
    until(up)
    return process


def stop(process):
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


# ---- mutual TLS ----

TLS = """
belay: 1
name: tls
apis:
  door:
    listen: "127.0.0.1:{port}"
    openapi: api.yaml
    tls: {{ cert: server.pem, key: server.key, client_ca: ca.pem, client_cert: optional }}
    security: {{ Cert: {{ subjects: [ "CN=ann,O=Partner" ] }}, Key: {{ keys: {{ bob: key }} }} }}
flows:
  who: {{ from: {{ api: door, operation: who }}, reply: {{ status: 200, body: "{{% $request.auth %}}" }} }}
  any: {{ from: {{ api: door, operation: any }}, reply: {{ status: 200, body: "{{% $request.auth %}}" }} }}
"""

TLS_API = """
openapi: 3.1.0
info: { title: TLS, version: "1" }
paths:
  /who: { get: { operationId: who, security: [ { Cert: [] } ], responses: { "200": { description: ok } } } }
  /any: { get: { operationId: any, security: [ { Cert: [] }, { Key: [] } ], responses: { "200": { description: ok } } } }
components:
  securitySchemes: { Cert: { type: mutualTLS }, Key: { type: apiKey, in: header, name: X-Key } }
"""


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(folder, name, subject, issuer, days="2"):
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{name}.key", "-out", f"{name}.csr")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
            "-CAcreateserial", "-copy_extensions", "copy", "-days", days, "-out", f"{name}.pem")


def https(folder, port, path, client=None, headers=""):
    """Status and body; None where TLS itself ended it."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    if client:
        context.load_cert_chain(folder / f"{client}.pem", folder / f"{client}.key")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
                data = b""
                while chunk := s.recv(65536):
                    data += chunk
    except (ssl.SSLError, ConnectionError):
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_certificate_says_who_asks(tmp_path):
    port = demo.free_port()
    authority(tmp_path, "ca")
    authority(tmp_path, "evil")
    certificate(tmp_path, "server", "/CN=127.0.0.1", "ca")
    certificate(tmp_path, "ann", "/O=Partner/CN=ann", "ca")
    certificate(tmp_path, "eve", "/O=Partner/CN=eve", "ca")
    certificate(tmp_path, "fake", "/O=Partner/CN=ann", "evil")
    certificate(tmp_path, "past", "/O=Partner/CN=ann", "ca", "-1")
    (tmp_path / "belay.yaml").write_text(TLS.format(port=port))
    (tmp_path / "api.yaml").write_text(TLS_API)
    process = run(tmp_path, port)
    try:
        assert https(tmp_path, port, "/who", "ann") == (200, {"scheme": "Cert", "subject": "CN=ann,O=Partner"})
        assert https(tmp_path, port, "/who", "eve")[0] == 403  # vouched for, and not one of the subjects
        assert https(tmp_path, port, "/who")[0] == 403
        assert https(tmp_path, port, "/any")[0] == 401
        assert https(tmp_path, port, "/any", None, "X-Key: key\r\n") == (200, {"scheme": "Key", "subject": "bob"})
        assert https(tmp_path, port, "/any", "eve", "X-Key: key\r\n")[1]["subject"] == "bob"
        assert https(tmp_path, port, "/who", "fake") is None  # nobody we trust vouches for it
        assert https(tmp_path, port, "/who", "past") is None
        said = https(tmp_path, port, "/who", "eve", "X-SSL-Client-S-DN: CN=ann,O=Partner\r\nX-Client-Cert: x\r\n")
        assert said[0] == 403  # a proxy's header is a header
    finally:
        stop(process)


# ---- keys that change ----

def jwks(**secrets):
    return json.dumps({"keys": [{"kty": "oct", "kid": kid, "alg": "HS256", "k": b64(s)} for kid, s in secrets.items()]}).encode()


def asks(port, kid, secret):
    return call(port, "GET", "/v1/items/1", bearer(token(claims(), {"alg": "HS256", "kid": kid}, secret)))[0]


def test_keys_are_changed_without_a_restart(door):
    _, port, _ = door
    old, new, third = b"0123456789abcdef0123456789abcdef", b"n" * 32, b"t" * 32
    until(lambda: asks(port, "h", old) == 200)
    Keys.answer = jwks(h=old, n=new)  # both for a while, as issuers do
    until(lambda: asks(port, "n", new) == 200)
    assert asks(port, "h", old) == 200
    assert asks(port, "n", old) == 401  # the right name of the wrong key
    assert {asks(port, f"made-up-{i}", b"m" * 32) for i in range(50)} <= {401, 503}
    Keys.answer = b""  # the issuer is down: what is known stays
    time.sleep(10.5)
    asks(port, "x", third)
    time.sleep(0.5)
    assert asks(port, "n", new) == 200 and asks(port, "h", old) == 200
    Keys.answer = jwks(t=third)  # the old ones are withdrawn
    until(lambda: asks(port, "t", third) == 200)
    assert asks(port, "n", new) == 401 and asks(port, "h", old) == 401
    # once an issuer has told, a stranger does not make us ask again for 10 s
    assert all(later - sooner > 9 for (sooner, told), (later, _) in zip(Keys.times, Keys.times[1:]) if told), Keys.times


# ---- headers ----

HEADERS = """
belay: 1
name: headers
apis: {{ door: {{ listen: "127.0.0.1:{port}", openapi: api.yaml }} }}
connections: {{ out: {{ http: {{ base_url: "http://127.0.0.1:{out}" }} }} }}
flows:
  echo:
    from: {{ api: door, operation: echo }}
    reply: {{ status: 200, headers: {{ x-echo: "{{% text %}}", "content-type": text/plain }}, body: ok }}
  pass:
    from: {{ api: door, operation: pass }}
    steps:
      - call:
          connection: out
          method: POST
          path: "/p/{{% text %}}?q={{% text %}}"
          headers: {{ x-text: "{{% text %}}" }}
        as: answer
    reply: {{ status: 200, body: "{{% $answer.status %}}" }}
"""

HEADERS_API = """
openapi: 3.1.0
info: { title: Headers, version: "1" }
paths:
  /echo: { post: { operationId: echo, requestBody: { content: { application/json: {} } }, responses: { "200": { description: ok } } } }
  /pass: { post: { operationId: pass, requestBody: { content: { application/json: {} } }, responses: { "200": { description: ok } } } }
"""

SMUGGLED = ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "a\x00X-Evil: 1", "a\r\n X-Evil: 1",
            "x\u010aX-Evil: 1", "\u560a\u560dX-Evil: 1"]


class Partner(threading.Thread):
    """Notes each request's bytes as they come and answers 200."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.requests = self.socket.getsockname()[1], []

    def run(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            data = b""
            while b"\r\n\r\n" not in data and (chunk := client.recv(65536)):
                data += chunk
            self.requests.append(data)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            client.close()


@pytest.fixture
def echo(tmp_path):
    port, partner = demo.free_port(), Partner()
    partner.start()
    (tmp_path / "belay.yaml").write_text(HEADERS.format(port=port, out=partner.port))
    (tmp_path / "api.yaml").write_text(HEADERS_API)
    process = run(tmp_path, port)
    yield port, partner
    partner.socket.close()
    stop(process)


def post(port, path, text, headers=None):
    return call(port, "POST", path, {"Content-Type": "application/json", **(headers or {})}, json.dumps({"text": text}).encode())


def test_no_text_becomes_a_header_of_the_answer(echo, tmp_path):
    port, _ = echo
    assert post(port, "/echo", "plain")[1]["x-echo"] == "plain"
    for text in SMUGGLED:
        status, fields, body = post(port, "/echo", text)
        assert "x-evil" not in fields and b"HTTP/1.1" not in body, (text, status, fields)
        assert status == 200 and ("x-echo" in fields) == ("\u0100" <= max(text)), (text, fields)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")]
    told = [line for line in lines if line["event"] == "api.response_invalid"]
    assert len(told) >= 1 and "x-echo" in json.dumps(told[0]) and "left out" in json.dumps(told[0])


def test_no_text_becomes_a_header_of_a_call(echo):
    port, partner = echo
    assert post(port, "/pass", "plain")[0] == 200
    for text in SMUGGLED:
        post(port, "/pass", text)
    for request in partner.requests:
        lines = request.split(b"\r\n")
        assert not any(line.lower().startswith(b"x-evil") for line in lines), request
        assert b"\n" not in request.replace(b"\r\n", b"") and b"\r" not in request.replace(b"\r\n", b"") and b"\x00" not in request
        assert lines[0].count(b" ") == 2, request
    assert len(partner.requests) >= 1


def test_what_a_client_smuggles_is_refused_at_the_door(echo):
    port, partner = echo
    for name, value in [("X-A", "b\nX-Evil: 1"), ("X-A", "b\rX-Evil: 1"), ("X-A\r\n ", "folded"), ("X-A", "b\x00c"),
                        ("X A", "b"), ("Transfer-Encoding", "chunked"), ("Content-Length", "5"), ("X-Correlation-ID", "a\rb")]:
        status, fields, _ = post(port, "/echo", "plain", {name: value})
        assert status in (400, 413) and "x-evil" not in fields, (name, value, status)
    status, fields, _ = post(port, "/echo", "plain", {"X-Correlation-ID": 'a"b<script>'})
    assert status == 200
    status, fields, _ = call(port, "POST", "/echo%0d%0aX-Evil:%201", {"Content-Type": "application/json"}, b"{}")
    assert status == 404 and "x-evil" not in fields
