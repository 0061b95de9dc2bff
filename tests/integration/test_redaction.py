"""What may not be told: canaries in a path, in headers, in an answer and in secrets, and every exit looked through for them;
and who may ask for what (roles)."""
import http.server
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from test_letters import api
from world import BELAY, ROOT, belay, belay_json, demo, until

# Named values; ANSWER stands only in what the partner answers.
CARD, NAME, ANSWER, HEADER, COOKIE = ("CANARY-CARD-4111222233334444", "CANARY Ann \"Q\" Exämple", "CANARY-ANSWER-token-77",
                                      "Bearer CANARY-HEADER-99", "CANARY-COOKIE-55")
NAMED = [CARD, "CANARY Ann", "CANARY%20Ann", ANSWER, "CANARY-HEADER-99", COOKIE]
# Secrets: of a variable, of a file, of a webhook's address, of HTTP Basic authentication.
BEARER, FILE, HOOK, PASSWORD = "CANARY-BEARER-secret", "CANARY-FILE-secret-1", "CANARY-HOOK/T000/B000", "CANARY-PASSWORD-1"
BASIC = "c3ZjOkNBTkFSWS1QQVNTV09SRC0x"
SECRETS = [BEARER, FILE, HOOK, PASSWORD, BASIC]
TOKENS = {"viewer": "viewer-token-0123456789", "operator": "operator-token-0123456789", "admin": "admin-token-0123456789"}

DOOR = """
openapi: 3.1.0
info: {title: door, version: "1"}
paths:
  /orders:
    post:
      operationId: order
      requestBody: {required: true, content: {application/json: {schema: {type: object}}}}
      responses: {'202': {description: ok}}
"""

FLOWS = """
belay: 1
name: canaries
redact:
  paths: [ "**.card.number", "**.name", items.iban, "**.token" ]
  headers: [ X-Patient ]
admin:
  tokens:
    viewer: {{ role: viewer, token: "${{VIEWER_TOKEN}}" }}
    operator: {{ role: operator, token: "${{OPERATOR_TOKEN}}" }}
    admin: {{ role: admin, token: "${{ADMIN_TOKEN}}" }}
  users: {{ daemon: viewer }}
env: {{ FROM_FILE: "${{file:secret.txt}}" }}
connections:
  partner:
    http: {{ base_url: "${{PARTNER_URL}}", bearer: "${{PARTNER_BEARER}}" }}
    breaker: {{ enabled: false }}
  basic:
    http: {{ base_url: "${{PARTNER_URL}}", username: svc, password: "${{BASIC_PASSWORD}}" }}
    breaker: {{ enabled: false }}
topics: {{ orders: {{ retain: 7d }} }}
queues: {{ refused: {{}}, quoted: {{}}, broken: {{}} }}
apis: {{ door: {{ listen: "127.0.0.1:{api}", openapi: door.yaml }} }}
flows:
  accept:
    from: {{ api: door, operation: order }}
    steps:
      - log: {{ message: "came: {{% card.number %}} {{% $headers.authorization %}}", fields: {{ all: "{{% $ %}}", head: "{{% $headers %}}" }} }}
      - set: {{ copy: "{{% card.name %}}", secret: "{{% $env('FROM_FILE') %}}" }}
      - log: {{ message: "copied {{% $vars.copy %}}; {{% $vars.secret %}}" }}
      - publish: {{ topic: orders, key: "{{% id %}}", headers: &h {{ authorization: "{{% $headers.authorization %}}", x-patient: "{cookie}" }} }}
      - publish: {{ queue: refused, key: "{{% id %}}", headers: *h }}
      - publish: {{ queue: quoted, key: "{{% id %}}", headers: *h }}
      - publish: {{ queue: broken, key: "{{% id %}}", headers: *h }}
    reply: {{ status: 202, body: "{{% {{ 'id': id }} %}}" }}
  refuse:                                   # an answer that quotes what it was sent, as JSON
    from: {{ queue: refused }}
    steps:
      - call: {{ connection: partner, method: POST, path: "/ok" }}
        as: first
      - log: {{ message: "answered {{% $first.body.token %}} {{% $string($first.headers) %}}" }}
      - call: {{ connection: partner, method: POST, path: "/refuse/{{% card.name %}}" }}
    retry: {{ max_attempts: 2, initial: 10ms, max: 10ms }}
  quote:                                    # and as text
    from: {{ queue: quoted }}
    steps: [ {{ call: {{ connection: basic, method: PUT, path: /quote }} }} ]
    retry: {{ max_attempts: 2, initial: 10ms, max: 10ms }}
  break:                                    # and an expression that fails on it
    from: {{ queue: broken }}
    steps: [ {{ map: "{{% $number(card.number) %}}" }} ]
sagas:
  fulfil:
    from: {{ topic: orders }}
    id: "{{% id %}}"
    steps:
      - name: charge
        call: {{ connection: partner, method: POST, path: /ok }}
        compensate: {{ call: {{ connection: partner, method: DELETE, path: /ok }} }}
      - name: ship
        call: {{ connection: partner, method: POST, path: /refuse/x }}
        compensate: {{}}
alerts:
  to: ops
  group_wait: 100ms
  group_interval: 1s
  channels:
    ops: {{ webhook: "${{HOOK_URL}}" }}
    lost: {{ webhook: {{ url: "http://127.0.0.1:{nobody}/{hook}/lost" }}, retry: {{ max_attempts: 2, initial: 10ms, max: 10ms }} }}
  rules:
    letters-too: {{ on: letters, above: 0, to: lost }}
"""

BODY = {"id": "o-1", "card": {"number": CARD, "name": NAME}, "items": [{"sku": "a", "iban": CARD}], "open": "visible-1"}


class Partner:
    """Answers with what it was sent, as partners do."""

    def __init__(self):
        self.hooks = []
        partner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                raw = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                status, kind = 200, "application/json"
                out = json.dumps({"token": ANSWER, "echo": json.loads(raw) if raw else None, "auth": self.headers.get("authorization")})
                if self.path.startswith("/" + HOOK):
                    partner.hooks.append(raw)
                elif self.path.startswith("/refuse"):
                    status = 422
                elif self.path == "/quote":
                    status, kind = 409, "text/plain"
                    out = f"no: {raw} by {self.headers.get('authorization')} patient {self.headers.get('x-patient')}"
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("set-cookie", "sid=" + COOKIE)
                self.send_header("content-length", str(len(out.encode())))
                self.end_headers()
                self.wfile.write(out.encode())

            do_POST = do_PUT = do_GET = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Canaries(demo.World):
    def __init__(self, folder, partner):
        super().__init__(folder, env={"PARTNER_URL": f"http://127.0.0.1:{partner.port}", "PARTNER_BEARER": BEARER,
                                      "BASIC_PASSWORD": PASSWORD, "HOOK_URL": f"http://127.0.0.1:{partner.port}/{HOOK}",
                                      **{f"{role.upper()}_TOKEN": token for role, token in TOKENS.items()}})
        self.partner, self.admin = partner, demo.free_port()
        self.example = os.path.join(folder, "flows")
        self.data = os.path.join(folder, "store")
        os.mkdir(self.example)
        self.write("door.yaml", DOOR)
        self.write("secret.txt", FILE + "\n")
        self.flows = FLOWS.format(api=self.api, cookie=COOKIE, hook=HOOK, nobody=demo.free_port())
        self.write("belay.yaml", self.flows)

    def write(self, name, text):
        with open(os.path.join(self.example, name), "w") as f:
            f.write(text)

    def start(self):
        super().start("--admin", f"127.0.0.1:{self.admin}", "--log-level", "debug")

    def logged(self):
        with open(os.path.join(self.folder, "belay.log"), encoding="utf-8") as f:
            return f.read()


@pytest.fixture
def world(tmp_path):
    partner = Partner()
    w = Canaries(str(tmp_path), partner)
    w.start()
    yield w
    w.stop()
    partner.close()


@pytest.fixture
def full(world):
    """An order that failed in every way: letters of three flows, a saga that was undone, an alert that was told."""
    status, _ = demo.ask(world.api, "POST", "/orders", BODY, {"Authorization": HEADER})
    assert status == 202
    until(lambda: len(letters(world)) >= 3)
    until(lambda: belay_json("saga", "show", "fulfil/o-1", data=world.data)["state"] == "compensated")
    until(lambda: world.partner.hooks)
    return world


def letters(world):
    found = belay_json("dlq", "ls", data=world.data)["letters"]
    return {x["flow"]: str(x["sequence"]) for x in found if not x["flow"].startswith("alerts.")}


def over_tcp(world, method, path, token=None, body=None):
    """(status, headers, text)"""
    more = ["-H", "authorization: Bearer " + token] if token else []
    if method == "POST":
        more += ["-X", "POST", "-H", "content-type: application/json", "--data-binary", json.dumps(body or {})]
    done = subprocess.run(["curl", "-sS", "-i", "--globoff", *more, f"http://127.0.0.1:{world.admin}{path}"], check=True,
                          capture_output=True, text=True)
    head, _, text = done.stdout.partition("\n\n")
    return int(head.split()[1]), head.lower(), text


def routes():
    """The table of routes itself, so that a new one is not forgotten here: (method, path, role)."""
    with open(os.path.join(ROOT, "src/admin/routes.c"), encoding="utf-8") as f:
        found = re.findall(r"\b(GET|POST|ADMIN_POST|VIEWER_POST)\(\"([^\"]+)\", \"(\w+)\"", f.read())
    roles = {"GET": "viewer", "VIEWER_POST": "viewer", "POST": "operator", "ADMIN_POST": "admin"}
    return [("GET" if kind == "GET" else "POST", path, operation, roles[kind]) for kind, path, operation in found]


def filled(world, path):
    sequence = letters(world).get("refuse", "1")
    names = {"topic": "orders", "flow": "refuse", "sequence": sequence, "key": "o-1", "saga": "fulfil", "id": "o-1", "what": "o-1",
             "job": "1", "number": "1", "rule": "stalled", "channel": "ops"}
    return re.sub(r"\{(\w+)\}", lambda m: names[m.group(1)], path)


def assert_none(text, wanted, where):
    for canary in wanted:
        at = text.find(canary)
        assert at < 0, (where, canary, text[max(0, at - 200):at + 100])


def commands(world):
    found = letters(world)
    yield from (["status"], ["dlq", "ls"], ["dlq", "groups"], ["topic", "ls"], ["topic", "tail", "orders"], ["saga", "ls"],
                ["saga", "ls", "fulfil"], ["saga", "show", "fulfil/o-1"], ["trace", "o-1"], ["lane", "ls"], ["poison", "ls", "--all"],
                ["alert", "ls"], ["dlq", "jobs"], ["dlq", "export"], ["audit"], ["flow", "ls"])
    for flow, sequence in found.items():
        yield ["dlq", "show", flow, sequence]
        yield ["dlq", "replay", flow, sequence, "--dry-run"]
        yield ["lane", "show", flow, "o-1"]


def test_no_exit_tells_a_named_value_or_a_secret(full):
    world = full
    for args in commands(world):
        for form in ([], ["--json"]):
            code, out, err = belay(*args, *form, data=world.data)
            assert code in (0, 1, 64), (args, code, err)
            assert_none(out + err, NAMED + SECRETS, args + form)
    for method, path, operation, _ in routes():
        if method == "GET":
            done = subprocess.run(["curl", "-sS", "--unix-socket", os.path.join(world.data, "admin.sock"),
                                   "http://belay" + filled(world, path) + ("?whole=true" if operation == "letters" else "")],
                                  check=True, capture_output=True, text=True)
            assert_none(done.stdout, NAMED + SECRETS, path)
    metrics = subprocess.run(["curl", "-sS", f"http://127.0.0.1:{world.health}/metrics"], check=True, capture_output=True, text=True)
    assert_none(metrics.stdout, NAMED + SECRETS, "metrics")
    assert_none("".join(world.partner.hooks), NAMED + SECRETS, "webhooks")
    until(lambda: "message.dead_letter" in world.logged() or "message.parked" in world.logged())
    assert_none(world.logged(), NAMED + SECRETS, "log")
    log = world.logged()
    assert '"text":"came: [redacted] [redacted]"' in log and '"text":"copied [redacted]; [redacted]"' in log
    assert "visible-1" in log  # and what is not named is there
    for line in log.splitlines():
        if line.startswith("{"):
            json.loads(line)


def test_what_is_hidden_says_so_and_what_is_not_is_there(full):
    found = letters(full)
    shown = belay_json("dlq", "show", "refuse", found["refuse"], data=full.data)
    message = shown["message"]
    assert message["body"]["card"] == {"number": "[redacted]", "name": "[redacted]"}
    assert message["body"]["items"] == [{"sku": "a", "iban": "[redacted]"}] and message["body"]["open"] == "visible-1"
    assert message["headers"]["authorization"] == "[redacted]" and message["headers"]["x-patient"] == "[redacted]"
    excerpt = json.loads(shown["history"][-1]["excerpt"])
    assert excerpt["token"] == "[redacted]" and excerpt["auth"] == "Bearer [redacted]"
    assert shown["history"][-1]["endpoint"].endswith("/refuse/[redacted]")
    assert f"http://127.0.0.1:{full.partner.port}" in shown["history"][-1]["endpoint"]  # where it went is told
    quoted = belay_json("dlq", "show", "quote", found["quote"], data=full.data)["history"][-1]["excerpt"]
    assert quoted.startswith("no: {") and "visible-1" in quoted and "by Basic [redacted]" in quoted


def trail(world, **wanted):
    return [e for e in api(world, "/trail?count=1000")[1]["trail"] if all(e[k] == v for k, v in wanted.items())]


def test_who_may_sees_it_but_no_secret_and_that_is_in_the_trail(full):
    found = letters(full)
    reveals = [["dlq", "show", "refuse", found["refuse"]], ["topic", "tail", "orders"], ["trace", "o-1"], ["dlq", "export"],
               ["saga", "show", "fulfil/o-1"], ["lane", "show", "refuse", "o-1"],
               ["dlq", "replay", "refuse", found["refuse"], "--dry-run"]]
    for n, args in enumerate(reveals):
        _, out, err = belay("--as", "alice", *args, "--reveal", "--json", data=full.data)
        assert (ANSWER if args[0] == "saga" else CARD) in out, (args, out, err)
        assert_none(out, SECRETS, args)
        assert len(trail(full, did="reveal")) == n + 1, args
    seen = [(e["what"], e["owner"], e["id"]) for e in trail(full, did="reveal")][::-1]
    assert seen[:2] == [("letter", "refuse", found["refuse"]), ("messages", "orders", "")]
    assert seen[2:5] == [("messages", "trace", "o-1"), ("messages", "letters", ""), ("saga", "fulfil", "o-1")]
    assert all("alice" in e["who"] and e["detail"].endswith(" values") for e in trail(full, did="reveal"))
    belay("dlq", "show", "refuse", found["refuse"], "--reveal", "--reason", "INC-7", data=full.data, check=True)
    assert trail(full, did="reveal")[0]["reason"] == "INC-7"
    belay("dlq", "ls", "--json", data=full.data, check=True)  # nothing was hidden, so nothing was revealed
    api(full, "/letters?reveal=true")
    assert len(trail(full, did="reveal")) == len(reveals) + 1
    assert_none(full.logged(), NAMED + SECRETS, "log")


def test_an_export_is_imported_only_where_it_is_whole(full):
    flow, sequence = "quote", letters(full)["quote"]
    for more in ([], ["--reveal"]):
        code, out, _ = belay("dlq", "export", "--flow", flow, *more, data=full.data)
        assert code == 0
        with open(os.path.join(full.folder, "letters.ndjson"), "w", encoding="utf-8") as f:
            f.write(out)
        if not more:
            code, out, err = belay("dlq", "import", os.path.join(full.folder, "letters.ndjson"), data=full.data)
            assert code == 1 and "--reveal" in err, (out, err)
            belay("dlq", "export", "--flow", flow, data=full.data, check=True)
    belay("dlq", "discard", flow, sequence, "--reason", "a test", data=full.data, check=True)
    belay("dlq", "import", os.path.join(full.folder, "letters.ndjson"), data=full.data, check=True)
    again = letters(full)[flow]
    shown = belay_json("dlq", "show", flow, again, "--reveal", data=full.data)
    assert shown["message"]["body"] == BODY and shown["message"]["headers"]["authorization"] == HEADER


def editor(world, script):
    path = os.path.join(world.folder, "editor")
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + script)
    os.chmod(path, 0o755)
    return {**os.environ, "EDITOR": path, "VISUAL": path}


def test_an_edit_never_writes_a_mark_in_place_of_the_truth(full):
    flow, sequence = "refuse", letters(full)["refuse"]

    def body():
        return belay_json("dlq", "show", flow, sequence, "--reveal", data=full.data)["message"]["body"]

    env = editor(full, f'cp "$1" {full.folder}/seen.json; sed -i \'s/visible-1/visible-2/\' "$1"')
    code, out, err = belay("dlq", "edit", flow, sequence, data=full.data, env=env)
    assert code == 0, err
    with open(os.path.join(full.folder, "seen.json"), encoding="utf-8") as f:
        seen = f.read()
    assert_none(seen + out + err, NAMED, "editor")
    assert '"[redacted /card/number]"' in seen
    assert body() == {**BODY, "open": "visible-2"}
    # moved to where nobody hides it, or made up: refused
    for script, why in [('sed -i \'s/"visible-2"/"[redacted \\/card\\/number]"/\' "$1"', "could be seen"),
                        ('sed -i \'s/"visible-2"/"[redacted]"/\' "$1"', "--reveal")]:
        code, _, err = belay("dlq", "edit", flow, sequence, data=full.data, env=editor(full, script))
        assert code == 1 and why in err, err
        assert body() == {**BODY, "open": "visible-2"}
    # a transform and a patch see the truth, and print nothing of it
    code, out, err = belay("dlq", "edit", flow, sequence, "--transform", f"$ ~> |card|{{'name': name & '!', 'was': '{CARD}'}}|", data=full.data)
    assert code == 0, err
    assert_none(out + err, NAMED, "transform")
    assert body()["card"] == {"number": CARD, "name": NAME + "!", "was": CARD}
    assert [e["reason"] for e in trail(full, did="reveal")].count("edit --transform") == 1
    assert_none(json.dumps(trail(full)), NAMED, "trail")
    code, out, err = belay("dlq", "edit", flow, sequence, "--reveal", data=full.data, env=editor(full, f'cp "$1" {full.folder}/seen.json; exit 1'))
    with open(os.path.join(full.folder, "seen.json"), encoding="utf-8") as f:
        assert CARD in f.read()
    belay("dlq", "edit", flow, sequence, "--restore", data=full.data, check=True)
    assert body() == BODY


def test_each_route_takes_the_role_of_its_table_and_no_other(full):
    table = routes()
    assert len(table) > 50
    order = ["viewer", "operator", "admin"]
    for method, path, operation, role in table:
        path = filled(full, path)
        if operation == "ping":
            continue  # asks nobody for anything but to be there
        status, head, text = over_tcp(full, method, path)
        assert status == 401 and "www-authenticate: bearer" in head and "application/problem+json" in head, (path, status)
        assert json.loads(text)["needs"] == role, path
        for have in order:
            allowed = order.index(have) >= order.index(role)
            if allowed and method == "POST" and operation != "rehearse":
                continue  # done below, where it does no harm
            status, head, text = over_tcp(full, method, path, TOKENS[have])
            if allowed:
                assert status not in (401, 403), (path, have, status, text)
            else:
                problem = json.loads(text)
                assert status == 403 and (problem["needs"], problem["role"]) == (role, have), (path, have, status, text)
                assert "application/problem+json" in head and role in problem["detail"]
    for operation, role in [("pause", "operator"), ("seek", "admin"), ("backupStart", "admin")]:
        method, path, _, needs = next(r for r in table if r[2] == operation)
        assert needs == role
        assert over_tcp(full, method, filled(full, path), TOKENS[role])[0] == 422  # let in, and told what is missing


def test_a_viewer_may_not_see_what_is_redacted_nor_ask_it_out(full):
    sequence = letters(full)["refuse"]
    for path in (f"/letters/refuse/{sequence}", "/letters", "/topics/orders/messages", "/trace/o-1", "/sagas/fulfil/o-1",
                 "/lanes/refuse/o-1"):
        status, _, text = over_tcp(full, "GET", path + "?reveal=true", TOKENS["viewer"])
        assert status == 403 and "see what is redacted" in json.loads(text)["detail"], (path, text)
        status, _, text = over_tcp(full, "GET", path + "?reveal=true", TOKENS["operator"])
        assert status == 200, (path, text)
    # by a predicate, byte by byte
    where = f"/letters?flow=refuse&where=body.card.number%20%3D%20%27{CARD}%27"
    assert json.loads(over_tcp(full, "GET", where, TOKENS["viewer"])[2])["letters"] == []
    assert len(json.loads(over_tcp(full, "GET", where, TOKENS["operator"])[2])["letters"]) == 1
    where = "/letters?flow=refuse&where=$contains($string($$)%2C%27CANARY%27)"
    assert json.loads(over_tcp(full, "GET", where, TOKENS["viewer"])[2])["letters"] == []


def test_who_did_it_is_in_the_trail_by_the_name_of_his_token(full):
    sequence = letters(full)["break"]
    status, _, text = over_tcp(full, "POST", f"/letters/break/{sequence}/discard", TOKENS["operator"], {"reason": "a test"})
    assert status == 200, text
    assert trail(full, did="discard")[0]["who"] == "operator"
    assert over_tcp(full, "POST", "/poison/clear", TOKENS["viewer"], {"flow": "break"})[0] == 403
    assert trail(full, who="viewer") == []


def test_a_reload_takes_roles_and_rules_with_it(full):
    assert over_tcp(full, "GET", "/status", TOKENS["viewer"])[0] == 200
    more = full.flows.replace("role: viewer, token", "role: operator, token").replace("redact:\n  paths: [", "redact:\n  paths: [ open,")
    full.write("belay.yaml", more.replace('    operator: { role: operator, token: "${OPERATOR_TOKEN}" }\n', ""))
    full.belay.send_signal(signal.SIGHUP)
    until(lambda: over_tcp(full, "GET", "/status", TOKENS["operator"])[0] == 401)
    assert over_tcp(full, "GET", "/topics/orders/messages?reveal=true", TOKENS["viewer"])[0] == 200
    assert "visible-1" not in belay("topic", "tail", "orders", data=full.data)[1]
    full.write("belay.yaml", more.replace("role: operator", "role: root"))  # a wrong one changes nothing
    full.belay.send_signal(signal.SIGHUP)
    until(lambda: "config.reload_failed" in full.logged())
    assert over_tcp(full, "GET", "/status", TOKENS["viewer"])[0] == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is somebody else too")
def test_another_user_of_the_socket_has_the_role_the_configuration_gives_him(full):
    for folder in (full.folder, full.data):
        os.chmod(folder, 0o755)
    os.chmod(os.path.join(full.data, "admin.sock"), 0o666)

    def as_user(name, path):
        done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", "--unix-socket", os.path.join(full.data, "admin.sock"),
                               "http://belay" + path], capture_output=True, text=True, user=name)
        return done.stdout.rsplit("\n", 1) if done.returncode == 0 else None

    parents = [os.path.dirname(full.folder)]
    while parents[-1] != "/":
        parents.append(os.path.dirname(parents[-1]))
    if not all(os.stat(p).st_mode & 0o001 for p in parents):
        for p in parents:
            if p.startswith("/tmp/"):
                os.chmod(p, os.stat(p).st_mode | 0o011)
    answer = as_user("daemon", "/status")
    if answer is None:
        pytest.skip("daemon cannot reach the socket")
    assert answer[1] == "200"
    assert as_user("daemon", "/topics/orders/messages?reveal=true")[1] == "403"
    text, status = as_user("bin", "/status")
    assert status == "403" and json.loads(text)["role"] == "none"


def test_lint_tells_of_roles_that_are_none_and_tokens_that_are_one(world):
    env = {**world.env, "OPERATOR_TOKEN": TOKENS["viewer"]}
    code, out, err = belay("lint", world.example, env=env)
    assert code != 0 and "has the same token" in out + err
    world.write("belay.yaml", world.flows.replace("role: viewer, token", "role: root, token"))
    code, out, err = belay("lint", world.example, env=world.env)
    assert code != 0 and "viewer, operator or admin" in out + err
    assert_none(out + err, SECRETS, "lint")
