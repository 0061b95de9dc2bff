"""Rate limits of an API through the real binary: who is refused, what he is told, where an operator sees it."""
import http.client
import os
import signal

import pytest

from world import belay, belay_json, until
from test_operations import Small

FLOW = """
belay: 1
name: small
connections:
  warehouse: {{ http: {{ base_url: "http://127.0.0.1:{warehouse}" }} }}
apis:
  door:
    listen: "127.0.0.1:{api}"
    openapi: door.yaml
    security: {{ key: {{ keys: {{ anna: k-anna, ben: k-ben }} }} }}
    rate_limit: {limits}
queues:
  work: {{}}
flows:
  take:
    from: {{ api: door, operation: put }}
    steps:
      - publish: {{ queue: work, key: "{{% key %}}" }}
    reply: {{ status: 202, headers: {{ x-version: "{version}" }} }}
  look:
    from: {{ api: door, operation: look }}
    reply: {{ status: 200 }}
  work:
    from: {{ queue: work }}
    steps:
      - call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }}
"""

DOOR = """
openapi: 3.1.0
info: { title: Door, version: "1" }
paths:
  /work:
    post:
      operationId: put
      security: [ { key: [] } ]
      requestBody: { required: true, content: { application/json: { schema: { type: object, required: [id, key] } } } }
      responses: { "202": { description: taken } }
  /look:
    get:
      operationId: look
      responses: { "200": { description: seen } }
components: { securitySchemes: { key: { type: apiKey, in: header, name: x-key } } }
"""

# so slow that no test, however slow, sees a token come back unless it waits for it
LIMITS = "{ each: { per_second: 0.001, burst: 3, by: caller, operations: put }, total: { per_second: 0.001, burst: 20 } }"


class Limited(Small):
    flow, limits = FLOW, LIMITS

    def __init__(self, folder):
        super().__init__(folder)
        with open(os.path.join(self.config, "door.yaml"), "w") as f:
            f.write(DOOR)

    def post(self, key, body='{"id": "s-1", "key": "k"}'):
        return self.ask("POST", "/work", body, {"content-type": "application/json", "x-key": key})

    def ask(self, method, path, body=None, headers=None, port=None):
        c = http.client.HTTPConnection("127.0.0.1", port or self.api, timeout=20)
        c.request(method, path, body, headers or {})
        answer = c.getresponse()
        text = answer.read()
        c.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, text.decode()

    def reload(self):
        self.belay.send_signal(signal.SIGHUP)

    def limit(self, name):
        apis = belay_json("status", data=self.data)["apis"]
        return next(l for l in apis[0]["rate_limits"] if l["name"] == name)


@pytest.fixture
def world(tmp_path):
    w = Limited(str(tmp_path))
    w.start()
    yield w
    w.stop()


def test_each_caller_is_refused_beyond_his_own_share_and_told_when_to_come_again(world):
    answers = [world.post("k-anna") for _ in range(5)]
    assert [status for status, _, _ in answers] == [202, 202, 202, 429, 429]
    _, headers, text = answers[3]
    assert headers["content-type"] == "application/problem+json" and '"violated-policies":["each"]' in text
    assert 900 <= int(headers["retry-after"]) <= 1000
    assert headers["ratelimit-policy"] == '"each";q=3;w=3000, "total";q=20;w=20000'
    assert headers["ratelimit"].startswith(f'"each";r=0;t={headers["retry-after"]}, "total";r=17;t=')
    assert answers[0][1]["ratelimit"].startswith('"each";r=2;t=') and '"total";r=19;t=' in answers[0][1]["ratelimit"]
    assert world.post("k-ben")[0] == 202
    assert world.ask("GET", "/look")[0] == 200
    assert world.post("k-nobody")[0] == 401
    each, total = world.limit("each"), world.limit("total")
    assert (each["passed"], each["refused"], each["shared"]) == (4, 2, 0)
    assert (total["passed"], total["refused"]) == (5, 0)
    assert "door each: 2 refused (429), 4 taken" in belay("status", data=world.data, check=True)[1]


def test_what_is_refused_is_in_the_figures_and_once_in_the_log(world):
    for _ in range(6):
        world.post("k-ben")
    with open(world.log.name) as f:
        lines = [line for line in f if "api.limited" in line]
    assert len(lines) == 1 and '"limit":"each"' in lines[0] and '"caller":"ben"' in lines[0], lines
    text = world.ask("GET", "/metrics", port=world.health)[2]
    assert 'belay_rate_limit_refused_total{api="door",limit="each"} 3' in text
    assert 'belay_rate_limit_passed_total{api="door",limit="total"} 3' in text
    assert 'belay_rate_limit_shared_total{api="door",limit="each"} 0' in text


def test_a_reload_changes_a_limit_and_keeps_the_others(world):
    for _ in range(4):
        world.post("k-anna")
    assert world.post("k-anna")[0] == 429
    world.limits = LIMITS.replace("burst: 20", "burst: 5")
    world.write(version="2")
    world.reload()
    until(lambda: world.ask("GET", "/look")[1].get("ratelimit-policy") == '"total";q=5;w=5000')
    assert world.post("k-anna")[0] == 429  # his share did not come back by the reload
    assert until(lambda: world.ask("GET", "/look")[0] == 429)
    world.limits = "{}"
    world.write(version="3")
    world.reload()
    until(lambda: "ratelimit" not in world.ask("GET", "/look")[1])
    assert world.post("k-anna")[0] == 202


def test_lint_names_a_limit_of_an_operation_that_is_not_there(world):
    world.limits = "{ each: { per_second: 1, operations: pot } }"
    world.write(version="1")
    code, out, err = belay("lint", world.config)
    assert code != 0 and "has no operation 'pot'; did you mean 'put'?" in out + err
