"""kill -9 again and again while alerts are told: each notice that was accepted is delivered, by webhook, mail and program;
silences that were accepted hold; and what still fires is told once more after each start."""
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


def test_after_a_kill_each_subject_that_still_fires_is_in_exactly_one_notice(tmp_path):
    """Notices of many flows, gathered, while the process is killed again and again: what was told before is told once more
    after each start, as one group, and nobody is in it twice or left out."""
    rng, flows = random.Random(7), 20
    hook = Sink()
    world = Many(str(tmp_path), hook.port, flows)
    try:
        world.start()
        world.put("unshippable-1", "k")
        for _ in range(max(2, CYCLES // 3)):
            time.sleep(rng.uniform(0.5, 4))
            world.kill()
            now = time.time()
            began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}"
            world.start()

        def told():
            return [n for path, n in hook.posts if path == "/hook" and n["rule"] == "dead-letters" and n["at"] >= began]
        until(lambda: sum(n["count"] for n in told()) >= flows, 90)
        named = [s["subject"] for n in told() for s in n["subjects"]]
        assert sorted(named) == sorted(f"f-{i}" for i in range(flows))
        assert all(n["status"] == "firing" for n in told())
    finally:
        world.stop()
        hook.close()
