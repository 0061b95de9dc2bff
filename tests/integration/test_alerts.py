"""Alerts through real webhooks: told, told that it is over, the next channel, silence, a restart."""
import http.server
import json
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
    belay("alert", "silence", "add", "dead-letters", "--for", "2s", "--level", "error", "--reason", "short", data=small.data, check=True)
    make_letter(small)
    until(lambda: told(sinks[0], "new-group"))
    assert not told(sinks[0], "dead-letters")
    until(lambda: told(sinks[0], "dead-letters"))
    until(lambda: silences(small) == [])


def test_rules_tell_their_thresholds_with_units(small):
    _, out, _ = belay("alert", "rules", data=small.data)
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "oldest > 15m for 1m" in lines["stalled"] and "disk_free < 512MiB" in lines["disk-low"]
    assert "certificate < 21d" in lines["certificate-expiring"] and "letters_age > 7d" in lines["letters-old"]


def test_what_still_holds_is_told_again_after_kill_9(small, sinks):
    make_letter(small)
    until(lambda: told(sinks[0], "dead-letters"))
    small.kill()
    sinks[0].posts.clear()
    small.start()
    until(lambda: told(sinks[0], "dead-letters"))
    until(lambda: told(sinks[0], "new-group"))


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
    assert until(lambda: [n for _, n in sinks[0].posts if n["rule"] == "reload-failed"])
