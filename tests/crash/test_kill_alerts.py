"""kill -9 again and again while alerts are told: each notice that was accepted is delivered, by webhook, mail and program;
silences that were accepted hold; and what was told as firing is told as over, once."""
import http.client
import json
import os
import random
import socket
import stat
import sys
import time

from smtp_box import Mailbox
from world import belay, belay_json, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "integration"))
from test_alerts import Many, Sink  # noqa: E402
from test_operations import Small  # noqa: E402

CYCLES = min(25, int(os.environ.get("BELAY_CRASH_CYCLES", "25")))
RETRY = "retry: {{ max_attempts: 1000, initial: 20ms, max: 100ms }}"
ALERTS = """
alerts:
  to: [hook]
  group_wait: 200ms
  group_interval: 1s
  channels:
    hook: {{ webhook: {{ url: "http://127.0.0.1:{hook}/" }}, """ + RETRY + """ }}
    mail:
      email: {{ server: "127.0.0.1:{mail}", tls: none, from: a@example.com, to: b@example.com }}
      """ + RETRY + """
    horn:
      command: {{ run: "{program}", timeout: 5s }}
      """ + RETRY + """
"""


def ask_as(world, who, path, body):
    """A POST to the admin API under a name; True where it was answered 200: then it is durable."""
    s = socket.socket(socket.AF_UNIX)
    c = http.client.HTTPConnection("localhost")
    try:
        s.connect(os.path.join(world.data, "admin.sock"))
        s.settimeout(5)
        c.sock = s
        c.request("POST", path, json.dumps(body), {"content-type": "application/json", "x-belay-user": who})
        return c.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        c.close()
        s.close()


def test_what_was_accepted_is_told_over_kills(tmp_path):
    rng = random.Random(5)
    world, hook, mail = Small(str(tmp_path)), Sink(), Mailbox()
    program, told = os.path.join(world.folder, "horn"), os.path.join(world.folder, "told")
    with open(program, "w") as f:
        f.write(f"#!/bin/sh\n[ $(($$ % 3)) = 0 ] && exit 1\necho \"$BELAY_ALERT_SUBJECT\" >> {told}\n")
    os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
    open(told, "w").close()
    world.write("1", ALERTS.format(hook=hook.port, mail=mail.port, program=program))
    accepted, silences, number = [], 0, 0
    try:
        world.start()
        world.faults(warehouse={"error": 1.0})
        world.put("1", "k")
        for cycle in range(CYCLES):
            hook.status = 503 if cycle % 3 == 0 else 200  # part of the time nobody answers
            mail.refuse = "451 later" if cycle % 4 == 0 else None
            mail.drop += cycle % 5 == 0
            end = time.monotonic() + rng.uniform(0.1, 0.6)
            while time.monotonic() < end:
                channel, number = rng.choice(["hook", "mail", "horn"]), number + 1
                if ask_as(world, f"n-{number}", f"/alerts/channels/{channel}/test", {}):
                    accepted.append((channel, f"n-{number}"))
                time.sleep(0.01)
            if cycle % 5 == 2:
                silences += ask_as(world, "ann", "/alerts/silences",
                                   {"rule": "stalled", "subject": f"s-{cycle}", "for_ms": 3600000, "reason": "test"})
            world.kill()
            world.start()
            shown = belay_json("alert", "silence", "ls", data=world.data)["silences"]
            assert len(shown) >= silences and len({s["number"] for s in shown}) == len(shown)
        hook.status, mail.refuse = 200, None

        def told_by():
            with open(told) as f:
                lines = f.read().split("\n")
            return {"hook": [n["subject"] for _, n in hook.posts], "horn": lines,
                    "mail": [m["subject"].split(":")[0].replace("[firing] test ", "") for m in mail.mails]}

        def missing():
            seen = {channel: {name.split(" ")[0] for name in names} for channel, names in told_by().items()}
            return [a for a in accepted if a[1] not in seen[a[0]]]
        until(lambda: not missing())
        assert len(accepted) > 3 * CYCLES
        starts = [n for _, n in hook.posts if n["rule"] == "dead-letters"]
        assert starts, "what fires is told"
        assert [x for x in world.letters() if x["flow"].startswith("alerts.")] == []
        code, out, err = belay("audit", data=world.data)
        assert code == 0 and "lost 0" in out, out + err
        print(f"{CYCLES} kills, {len(accepted)} notices accepted, all told; {silences} silences")
    finally:
        world.stop()
        hook.close()
        mail.close()


def test_each_subject_is_told_once_as_firing_and_once_as_over_over_kills(tmp_path):
    """Notices of many flows, gathered, while the process is killed again and again: each flow is in one notice that it fires and in
    one that it is over. What a notice could not be acknowledged for is sent again under the same key, and counts once."""
    rng, flows = random.Random(7), 20
    hook = Sink()
    world = Many(str(tmp_path), hook.port, flows)

    def told(status):
        sent = {json.dumps(n, sort_keys=True): n for path, n in hook.posts if path == "/hook" and n["rule"] == "dead-letters"}
        return sorted(s["subject"] for n in sent.values() if n["status"] == status for s in n["subjects"])

    def kills(count):
        for _ in range(count):
            time.sleep(rng.uniform(0.2, 4))
            world.kill()
            world.start()
    try:
        world.start()
        world.put("unshippable-1", "k")
        kills(max(2, CYCLES // 6))
        wanted = sorted(f"f-{i}" for i in range(flows))
        until(lambda: len(told("firing")) >= flows)
        assert told("firing") == wanted
        belay("dlq", "discard", "--all", "--reason", "test", "--yes", data=world.data, check=True)
        kills(max(2, CYCLES // 6))
        until(lambda: len(told("resolved")) >= flows)
        assert told("resolved") == wanted and told("firing") == wanted
    finally:
        world.stop()
        hook.close()
