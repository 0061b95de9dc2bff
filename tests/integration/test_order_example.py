"""The order example through real sockets: what a customer and an operator see."""
import http.client
import json
import os
import signal

from world import BELAY, belay, belay_json, demo, order, until

ask = demo.ask


def raw(world, method, path, body, headers):
    c = http.client.HTTPConnection("127.0.0.1", world.api, timeout=60)
    try:
        c.request(method, path, body, headers)
        r = c.getresponse()
        return r.status, dict((k.lower(), v) for k, v in r.getheaders()), r.read()
    finally:
        c.close()


def post(world, body, key, **headers):
    return raw(world, "POST", "/orders", json.dumps(body),
               {"content-type": "application/json", "Idempotency-Key": f'"{key}"', **headers})


def ends_as(world, order_id, word):
    until(lambda: demo.status_of(world, order_id) == word)


def store(world):
    return os.path.join(world.folder, "store")


def test_an_order_is_accepted_and_fulfilled(world):
    status, headers, _ = post(world, order("o-1"), "k-1")
    assert status == 202 and headers["location"] == "/orders/o-1"
    assert "x-correlation-id" in headers
    ends_as(world, "o-1", "fulfilled")
    _, body = ask(world.api, "GET", "/orders/o-1")
    assert body["order_id"] == "o-1" and body["history"]
    _, account = world.ledger("o-1")
    assert account["charges"] == 1 and account["shipped"] and account["refunds"] == 0


def test_the_same_key_gets_the_same_answer_and_is_charged_once(world):
    first = post(world, order("o-2"), "k-2")
    again = post(world, order("o-2"), "k-2")
    assert first[0] == again[0] == 202 and first[2] == again[2]
    assert first[1]["location"] == again[1]["location"]
    ends_as(world, "o-2", "fulfilled")
    assert world.ledger("o-2")[1]["charges"] == 1
    assert post(world, order("o-2", total=7.0), "k-2")[0] == 422


def test_a_missing_key_is_400(world):
    status, headers, body = raw(world, "POST", "/orders", json.dumps(order("o-3")), {"content-type": "application/json"})
    assert status == 400 and headers["content-type"] == "application/problem+json"
    assert b"dempotency" in body


def test_every_fault_of_an_order_is_named(world):
    bad = order("o-4", total=-1)
    bad["items"] = [{"sku": "", "qty": 0, "price": 1}]
    bad["currency"] = "BTC"
    status, headers, body = post(world, bad, "k-4")
    assert status == 422 and headers["content-type"] == "application/problem+json"
    pointers = {e.get("pointer") or e.get("instance") for e in json.loads(body)["errors"]}
    assert {"/total", "/items/0/qty", "/items/0/sku", "/currency"} <= {p.lstrip("#") for p in pointers}


def test_what_is_no_order_is_refused_clearly(world):
    json_type = {"content-type": "application/json", "Idempotency-Key": '"k-5"'}
    status, _, body = raw(world, "POST", "/orders", '{"order_id": \n  oops}', json_type)
    assert status == 400 and b"line 2" in body and b"column" in body
    assert raw(world, "GET", "/nowhere", None, {})[0] == 404
    status, headers, _ = raw(world, "DELETE", "/orders", None, {})
    assert status == 405 and "POST" in headers["allow"]
    assert raw(world, "POST", "/orders", "x" * (2 << 20), json_type)[0] == 413
    assert raw(world, "POST", "/orders", "<order/>", {**json_type, "content-type": "application/xml"})[0] == 415
    assert raw(world, "GET", "/orders/none-such", None, {})[0] == 404


def test_a_declined_card_ends_the_order_cleanly(world):
    assert post(world, order("o-6", total=13.13), "k-6")[0] == 202
    ends_as(world, "o-6", "declined")
    account = world.ledger("o-6")[1]
    assert account["charges"] == 0 and not account["shipped"]


def log_lines(world, event):
    with open(os.path.join(world.folder, "belay.log")) as log:
        return [line for line in map(json.loads, log) if line["event"] == event]


def test_a_shipment_that_fails_for_good_is_refunded_and_its_letter_goes_with_it(world):
    assert post(world, order("unshippable-7"), "k-7")[0] == 202
    ends_as(world, "unshippable-7", "refunded")
    account = world.ledger("unshippable-7")[1]
    assert account["charges"] == account["refunds"] == 1 and not account["shipped"]
    # nobody shall ship it by a replay: what is compensated takes its message back
    assert belay_json("dlq", "ls", data=store(world))["letters"] == []
    letter, = log_lines(world, "message.dead_letter")
    assert letter["flow"] == "notify-warehouse" and letter["key"] == "unshippable-7"
    assert letter["status"] == 409 and letter["attempt"] == 1 and letter["sequence"] >= 1
    begun, = log_lines(world, "saga.compensating")
    ended, = log_lines(world, "saga.ended")
    assert begun["id"] == ended["id"] == "unshippable-7" and begun["step"] == "ship" and begun["why"]
    assert ended["state"] == "compensated" and ended["correlation"] == letter["correlation"]


def test_answers_lost_after_the_work_was_done_charge_nobody_twice(world):
    world.faults(payments={"lost": 0.8}, warehouse={"lost": 0.5})
    for i in range(10):
        assert post(world, order(f"lost-{i}"), f"lost-{i}")[0] == 202
    until(lambda: len(log_lines(world, "saga.retry")) >= 5)
    world.faults(payments={"lost": 0}, warehouse={"lost": 0})  # or the breaker keeps the last one waiting for long
    for i in range(10):
        until(lambda i=i: demo.status_of(world, f"lost-{i}") in demo.ENDED)
    assert world.ledger()[1]["charged_twice"] == 0
    assert world.ledger()[1]["refunded_and_shipped"] == 0


def test_an_operator_sees_what_goes_on(world):
    post(world, order("o-8"), "k-8")
    ends_as(world, "o-8", "fulfilled")
    data = store(world)
    status = belay_json("status", data=data)
    assert {s["name"] for s in status["sagas"]} == {"fulfil-order"}
    assert "orders" in belay("topic", "ls", data=data, check=True)[1]
    lines = belay("topic", "tail", "orders", "--json", data=data, check=True)[1].splitlines()
    assert json.loads(lines[-1])["message"]["key"] == "o-8"
    assert belay_json("saga", "show", "fulfil-order", "o-8", data=data)["status"] == "fulfilled"
    assert any(i["id"] == "o-8" for i in belay_json("saga", "ls", "fulfil-order", data=data)["instances"])
    story = belay("trace", "o-8", data=data, check=True)[1]
    assert "charge" in story and "warehouse-updates #1" in story and "fulfilled" in story
    assert belay_json("dlq", "ls", data=data)["letters"] == []


def test_a_stuck_order_tells_where_it_is_and_what_to_do(world):
    world.faults(warehouse={"error": 1.0})
    data = store(world)
    post(world, order("stuck"), "k-stuck")
    until(lambda: "is waiting in notify-warehouse" in belay("trace", "stuck", data=data)[1])
    story = belay("trace", "stuck", data=data, check=True)[1]
    assert "now: fulfil-order stuck is shipping: running at step ship" in story
    assert ", again at " in story and "last error: HTTP:SERVER_ERROR at shipment" in story
    until(lambda: "is parked in notify-warehouse after 8 tries" in belay("trace", "stuck", data=data)[1])
    story = belay("trace", "stuck", data=data, check=True)[1]
    letter, = belay_json("dlq", "ls", data=data)["letters"]
    advice = f"belay dlq replay notify-warehouse {letter['sequence']} --data {data}"
    assert advice in story, story
    assert "! 1 dead letter of notify-warehouse: belay dlq ls --flow notify-warehouse" in belay("status", data=data)[1]
    retry = log_lines(world, "message.retry")[0]
    assert retry["key"] == "stuck" and retry["again_at"] > retry["ts"] and retry["error"] == "HTTP:SERVER_ERROR"
    assert [line["sequence"] for line in log_lines(world, "message.parked")] == [letter["sequence"]]
    world.faults(warehouse={"error": 0})
    belay(*advice.split()[1:], check=True)
    ends_as(world, "stuck", "fulfilled")


def test_a_saga_in_trouble_is_easy_to_find(world):
    world.faults(payments={"error": 1.0})
    data = store(world)
    post(world, order("broke"), "k-broke")
    until(lambda: log_lines(world, "saga.compensating"))
    rows = belay_json("saga", "ls", "fulfil-order", data=data)["instances"]
    row, = [r for r in rows if r["id"] == "broke"]
    assert row["state"] == "compensating" and row["step"] == "charge" and row["error"] == "HTTP:SERVER_ERROR"
    assert row["updated_at"] and row["status"] == "compensating"
    assert log_lines(world, "saga.retry")[0]["again_at"]
    world.faults(payments={"error": 0})
    ends_as(world, "broke", "refunded")


def test_health_and_metrics(world):
    assert ask(world.health, "GET", "/ping")[0] == 200
    assert ask(world.health, "GET", "/ready")[0] == 200
    c = http.client.HTTPConnection("127.0.0.1", world.health, timeout=60)
    c.request("GET", "/metrics")
    text = c.getresponse().read().decode()
    c.close()
    assert "belay_lost 0" in text and "belay_engine_step_seconds" in text
    assert ask(world.health, "GET", "/status")[0] == 404


def test_it_stops_gracefully_and_knows_everything_after_the_next_start(world):
    post(world, order("o-9"), "k-9")
    ends_as(world, "o-9", "fulfilled")
    world.belay.send_signal(signal.SIGTERM)
    assert world.belay.wait(60) == 0
    code, out, err = belay("store", "check", store(world))
    assert code == 0, out + err
    world.start()
    assert demo.status_of(world, "o-9") == "fulfilled"
    assert post(world, order("o-9"), "k-9")[0] == 202
    assert world.ledger("o-9")[1]["charges"] == 1


def test_a_second_process_on_the_same_directory_is_refused(world):
    code, _, err = belay("run", "--data", store(world), demo.EXAMPLE, env={**world.env, "STOREFRONT": "127.0.0.1:0"})
    assert code != 0 and str(world.belay.pid) in err


def test_a_port_in_use_is_said(world, tmp_path):
    code, _, err = belay("run", "--data", str(tmp_path / "other"), demo.EXAMPLE, env=world.env)
    assert code == 78 and str(world.api) in err


def test_kill_and_start_again_goes_on_where_it_was(world):
    world.faults(payments={"latency_ms": 100}, warehouse={"latency_ms": 100})
    ids = [f"crash-{i}" for i in range(20)]
    for i in ids:
        assert post(world, order(i), i)[0] == 202
    world.kill()
    world.start()
    for i in ids:
        ends_as(world, i, "fulfilled")
    totals = world.ledger()[1]
    assert totals["charged_twice"] == 0 and totals["charged"] == totals["shipped"] == 20


def test_help_everywhere():
    assert os.path.exists(BELAY)
    commands = [line.split()[0] for line in belay("--help")[1].splitlines() if line.startswith("  ") and "--" not in line]
    assert len(commands) > 10 and len(commands) == len(set(commands))
    for command in commands:
        code, out, _ = belay(command, "--help")
        assert code == 0 and "example:" in out, command
    code, _, err = belay("stats")
    assert code == 64 and "did you mean 'status'" in err


def test_the_admin_api_over_tcp_wants_the_token(tmp_path):
    import subprocess
    from world import until as wait
    world = demo.World(str(tmp_path))
    token = tmp_path / "token"
    token.write_text("a-token-of-some-length\n")
    admin = demo.free_port()
    process = subprocess.Popen([BELAY, "run", "--data", str(tmp_path / "store"), "--admin", f"127.0.0.1:{admin}",
                                "--admin-token", str(token), demo.EXAMPLE], env=world.env, stderr=subprocess.DEVNULL)
    try:
        def status(**headers):
            try:
                return ask(admin, "GET", "/status", headers=headers)[0]
            except OSError:
                return None
        wait(lambda: status() == 401)
        assert status(authorization="Bearer wrong-token-of-length") == 401
        assert status(authorization="Bearer a-token-of-some-length") == 200
    finally:
        process.terminate()
        assert process.wait(60) == 0
        world.stop()
    code, _, err = belay("run", "--data", str(tmp_path / "other"), "--admin", f"127.0.0.1:{admin}", demo.EXAMPLE,
                         env={**world.env, "STOREFRONT": "127.0.0.1:0"})
    assert code == 78 and "token" in err


def test_an_order_that_is_there_is_not_placed_again_under_another_key(world):
    first = post(world, order("again-1"), "key-1")
    assert first[0] == 202
    until(lambda: ask(world.api, "GET", "/orders/again-1")[0] == 200)
    status, headers, body = post(world, order("again-1"), "key-2")
    assert status == 409 and headers["location"] == "/orders/again-1" and "placed before" in json.loads(body)["detail"]
    assert post(world, order("again-1"), "key-2")[2] == body  # an answer as every other: byte for byte
    assert post(world, order("again-1"), "key-1")[2] == first[2]  # the same request: the same answer
    ends_as(world, "again-1", "fulfilled")
    assert world.ledger("again-1")[1]["charges"] == 1
