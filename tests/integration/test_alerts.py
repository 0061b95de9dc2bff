"""Alerts through real webhooks: told, told that it is over, the next channel, silence, a restart."""
import http.server
import json
import os
import signal
import threading
import time

import pytest
from test_operations import Small
from world import belay, belay_json, until


class Sink:
    """Somebody's webhook: keeps what is posted; answers `status`."""

    def __init__(self):
        self.posts, self.status = [], 200
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if sink.status == 200:
                    sink.posts.append((self.path, json.loads(body)))
                self.send_response(sink.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


ALERTS = """
alerts:
  to: [ops, chat]
  group_wait: 100ms
  group_interval: 1s
  channels:
    ops: {{ webhook: {{ url: "http://127.0.0.1:{port}/hook?sig=s3cret" }}, retry: {{ max_attempts: 2, initial: 10ms, max: 20ms }} }}
    chat: {{ webhook: {{ url: "http://127.0.0.1:{chat}/chat", preset: slack }} }}
"""


@pytest.fixture
def sinks():
    both = Sink(), Sink()
    yield both
    for s in both:
        s.close()


@pytest.fixture
def small(tmp_path, sinks):
    w = Small(str(tmp_path))
    w.write("1", ALERTS.format(port=sinks[0].port, chat=sinks[1].port))
    w.start()
    yield w
    w.stop()


def make_letter(small, item="1", key="k"):
    small.faults(warehouse={"error": 1.0})
    small.put(item, key)
    return until(small.letters)


def told(sink, rule, status="firing"):
    return [(path, n) for path, n in sink.posts if n["rule"] == rule and n["status"] == status]


def test_a_letter_is_told_and_that_it_is_settled(small, sinks):
    letter = make_letter(small)[0]
    path, notice = until(lambda: told(sinks[0], "dead-letters"))[0]
    assert path == "/hook?sig=s3cret"
    assert (notice["rule"], notice["subject"], notice["status"], notice["level"]) == ("dead-letters", "work", "firing", "error")
    assert notice["hint"] == "belay dlq ls --flow work" and notice["application"] == "small"
    alerts = belay_json("alert", "ls", data=small.data)["alerts"]
    alerts = [a for a in alerts if a["rule"] != "parked-key"] # which comes when nobody acts for a while
    assert [(a["rule"], a["subject"], a["state"]) for a in alerts] == [("dead-letters", "work", "firing"),
                                                                       ("new-group", "work", "firing")]
    belay("dlq", "discard", "work", str(letter["sequence"]), "--reason", "test", data=small.data, check=True)
    until(lambda: told(sinks[0], "dead-letters", "resolved"))
    assert sinks[1].posts == []


def test_a_channel_that_fails_hands_over_to_the_next(small, sinks):
    sinks[0].status = 500
    make_letter(small)
    path, notice = until(lambda: [p for p in sinks[1].posts if "dead-letters" in p[1]["text"]])[0]
    assert path == "/chat" and "dead-letters" in notice["text"] and ":rotating_light:" in notice["text"]


def test_when_no_channel_is_left_the_notice_is_a_letter(small, sinks):
    sinks[0].status = sinks[1].status = 404
    make_letter(small)
    until(lambda: [x for x in small.letters() if x["flow"] == "alerts.chat"])


def silences(small):
    return belay_json("alert", "silence", "ls", data=small.data)["silences"]


def test_a_silenced_alert_is_shown_and_not_told_also_after_kill_9(small, sinks):
    belay("alert", "silence", "add", "*", "wor*", "--for", "1h", "--reason", "planned", data=small.data, check=True)
    make_letter(small)
    until(lambda: [a for a in belay_json("alert", "ls", data=small.data)["alerts"] if a["state"] == "firing"])
    assert belay_json("alert", "ls", data=small.data)["alerts"][0]["silent_until"]
    _, out, _ = belay("status", data=small.data)
    assert "dead-letters work (silenced)" in out
    small.kill()
    small.start()
    [silence] = silences(small)
    assert (silence["rule"], silence["subject"], silence["reason"], silence["number"]) == ("*", "wor*", "planned", 1)
    assert silence["who"]
    until(lambda: [a for a in belay_json("alert", "ls", data=small.data)["alerts"] if a["state"] == "firing"])
    time.sleep(2)  # two rounds: nobody is told
    assert sinks[0].posts == []
    belay("alert", "silence", "rm", "1", data=small.data, check=True)
    until(lambda: told(sinks[0], "dead-letters"))
    assert silences(small) == []
    small.kill()
    small.start()
    assert silences(small) == []
    code, _, err = belay("alert", "silence", "rm", "1", data=small.data)
    assert code == 1 and "no silence 1" in err


def test_a_silence_ends_by_itself(small, sinks):
    belay("alert", "silence", "add", "dead-letters", "--for", "5s", "--level", "error", "--reason", "short", data=small.data, check=True)
    [silence] = silences(small)
    make_letter(small)
    until(lambda: told(sinks[0], "new-group"))
    _, notice = until(lambda: told(sinks[0], "dead-letters"))[0]
    assert notice["at"] >= silence["until"]
    until(lambda: silences(small) == [])


def test_rules_tell_their_thresholds_with_units(small):
    _, out, _ = belay("alert", "rules", data=small.data)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "oldest > 15m for 1m" in lines["stalled"] and "disk_free < 512MiB" in lines["disk-low"]
    assert "certificate < 21d" in lines["certificate-expiring"] and "letters_age > 7d" in lines["letters-old"]


def state_of(small, rule):
    return {a["rule"]: a for a in belay_json("alert", "ls", data=small.data)["alerts"]}.get(rule, {"state": None})


def test_what_was_told_and_still_holds_is_no_news_after_kill_9(small, sinks):
    letter = make_letter(small)[0]
    until(lambda: told(sinks[0], "dead-letters"))
    before = until(lambda: small.letters() and state_of(small, "dead-letters"))
    small.kill()
    sinks[0].posts.clear()
    small.start()
    assert until(lambda: state_of(small, "dead-letters"))["since"] == before["since"]
    belay("dlq", "discard", "work", str(letter["sequence"]), "--reason", "test", data=small.data, check=True)
    until(lambda: told(sinks[0], "dead-letters", "resolved"))  # notices of a rule come in order
    assert told(sinks[0], "dead-letters") == [], sinks[0].posts


def test_what_was_told_and_is_over_is_told_as_over_after_kill_9(small, sinks):
    """The process dies before the notice went that it is over; the next one knows who was told."""
    letter = make_letter(small)[0]
    until(lambda: told(sinks[0], "dead-letters"))
    small.kill()
    alerts = ALERTS.format(port=sinks[0].port, chat=sinks[1].port)
    small.write("1", alerts.replace("group_wait: 100ms", "group_wait: 1h"))
    small.start()
    belay("dlq", "discard", "work", str(letter["sequence"]), "--reason", "test", data=small.data, check=True)
    until(lambda: state_of(small, "dead-letters")["state"] == "resolved")
    small.kill()
    assert told(sinks[0], "dead-letters", "resolved") == []
    small.write("1", alerts)
    small.start()
    until(lambda: told(sinks[0], "dead-letters", "resolved"))
    until(lambda: state_of(small, "dead-letters")["state"] is None)
    small.kill()
    small.start()  # and that it was told is known, too
    belay("alert", "test", "ops", data=small.data, check=True)
    until(lambda: told(sinks[0], "test"))
    assert len(told(sinks[0], "dead-letters", "resolved")) == 1, sinks[0].posts


def test_a_channel_can_be_tried(small, sinks):
    belay("alert", "test", "chat", data=small.data, check=True)
    assert "tests this channel" in until(lambda: sinks[1].posts)[0][1]["text"]
    code, _, err = belay("alert", "test", "chaat", data=small.data)
    assert code == 1 and "no alert channel 'chaat'" in err
    code, _, err = belay("alert", "silence", "add", "dead-leters", "--for", "1h", "--reason", "x", data=small.data)
    assert code == 1 and "no alert rule" in err
    code, _, err = belay("alert", "silence", "add", "dead-letters", "--reason", "x", data=small.data)
    assert code == 64 and "for how long" in err


def test_a_bad_reload_alerts(small, sinks):
    small.write("1", ALERTS.format(port=sinks[0].port, chat=sinks[1].port) + "nonsense: 1\n")
    small.belay.send_signal(signal.SIGHUP)
    assert until(lambda: told(sinks[0], "reload-failed"))
    record = [json.loads(x) for x in open(os.path.join(small.folder, "belay.log")) if '"config.reload_failed"' in x][0]
    assert "nonsense" in record["mistakes"] and "belay.yaml:" in record["mistakes"], record


def test_a_good_reload_ends_the_alert_of_a_bad_one(small, sinks):
    small.write("1", ALERTS.format(port=sinks[0].port, chat=sinks[1].port) + "nonsense: 1\n")
    small.belay.send_signal(signal.SIGHUP)
    notice = until(lambda: told(sinks[0], "reload-failed"))[0][1]
    assert notice["hint"] == "belay lint " + os.path.realpath(small.config), notice
    assert notice["hint"] in belay("alert", "ls", data=small.data, check=True)[1]
    small.write("1", ALERTS.format(port=sinks[0].port, chat=sinks[1].port))
    small.belay.send_signal(signal.SIGHUP)  # its window is ten minutes
    until(lambda: told(sinks[0], "reload-failed", "resolved"))


MANY = """
belay: 1
name: many
connections:
  warehouse: {{ http: {{ base_url: "http://127.0.0.1:{warehouse}" }}, breaker: false }}
apis:
  door: {{ listen: "127.0.0.1:{api}", openapi: door.yaml }}
topics:
  all: {{}}
alerts:
  to: [ops, am]
  group_wait: 2s
  group_interval: 3s
  channels:
    ops: {{ webhook: {{ url: "http://127.0.0.1:{port}/hook" }} }}
    am: {{ webhook: {{ url: "http://127.0.0.1:{port}/am", preset: alertmanager }} }}
    page: {{ webhook: {{ url: "http://127.0.0.1:{port}/page", preset: pagerduty, key: k }} }}
  rules:
    letters-am: {{ on: letters, to: am }}
    letters-page: {{ on: letters, to: page }}
flows:
  take:
    from: {{ api: door, operation: put }}
    steps: [ {{ publish: {{ topic: all, key: "{{% key %}}" }} }} ]
    reply: {{ status: 202 }}
"""

FLOW_OF_MANY = """
  f-{i}:
    from: {{ topic: all }}
    retry: {{ max_attempts: 1 }}
    steps: [ {{ call: {{ connection: warehouse, method: PUT, path: "/shipments/{{% id %}}" }} }} ]
"""


class Many(Small):
    def __init__(self, folder, port, count=120):
        self.port, self.count = port, count
        super().__init__(folder)

    def write(self, version, more=""):
        with open(f"{self.config}/belay.yaml", "w") as f:
            f.write(MANY.format(warehouse=self.warehouse, api=self.api, port=self.port))
            f.writelines(FLOW_OF_MANY.format(i=i) for i in range(self.count))


@pytest.fixture
def many(tmp_path, sinks):
    w = Many(str(tmp_path), sinks[0].port)
    w.start()
    yield w
    w.stop()


def counted(notices, status):
    return sum(n["count"] for n in notices if n["rule"] == "dead-letters" and n["status"] == status)


def test_a_hundred_flows_that_fail_at_once_are_few_notices_and_none_is_left_out(many, sinks):
    """One message makes 120 letters: each flow is told once, named or counted, and once that it is over."""
    many.put("unshippable-1", "k")
    hook = lambda: [n for path, n in sinks[0].posts if path == "/hook"]
    until(lambda: counted(hook(), "firing") == 120, 60)
    notices = [n for n in hook() if n["rule"] == "dead-letters"]
    assert len(notices) <= 12, [n["count"] for n in notices]  # one, were all handled within the wait
    named = [s["subject"] for n in notices for s in n["subjects"]]
    assert len(named) == len(set(named)) and all(len(n["subjects"]) == min(n["count"], 100) for n in notices)
    for n in notices:
        if n["count"] > 3:
            assert n["subject"].endswith(f" and {n['count'] - 3} more") and n["hint"] == "belay alert ls"
    assert notices[-1]["firing"] == 120
    until(lambda: len({a["labels"]["subject"] for path, b in sinks[0].posts if path == "/am" for a in b}) >= 100, 60)
    posts = [b for path, b in sinks[0].posts if path == "/am"]
    assert all(a["labels"]["alertname"] == "letters-am" and a["startsAt"] for b in posts for a in b)
    until(lambda: [b for path, b in sinks[0].posts if path == "/page"], 60)
    belay("dlq", "discard", "--all", "--reason", "test", "--yes", data=many.data, check=True)
    until(lambda: counted(hook(), "resolved") == 120, 60)
    pages = until(lambda: [b for path, b in sinks[0].posts if path == "/page" and b["event_action"] == "resolve"], 60)
    assert {b["dedup_key"] for path, b in sinks[0].posts if path == "/page"} == {"many/letters-page"} and len(pages) == 1
    assert counted(hook(), "firing") == 120
