"""Alerts by mail and through a program: told, retried, handed over to the next channel."""
import json
import os
import stat
import textwrap

import pytest

from smtp_box import Mailbox
from test_alerts import Sink, make_letter
from test_doors import authority, certificate
from test_operations import Small
from world import belay, until

RETRY = "retry: {{ max_attempts: {tries}, initial: 50ms, max: 100ms }}"


def config(text, **values):
    return (textwrap.dedent(text) + "").format(retry=RETRY.format(tries=values.pop("tries", 3)), **values)


MAIL = """
alerts:
  to: [mail, chat]
  group_wait: 100ms
  channels:
    mail:
      email: {{ server: "127.0.0.1:{port}", username: ops, password: s3cret, from: belay@example.com,
               to: [ann@example.com, bob@example.com], ca_file: ca.pem{more} }}
      {retry}
    chat: {{ webhook: {{ url: "http://127.0.0.1:{chat}/chat" }} }}
"""

PROGRAM = """
alerts:
  to: [page, chat]
  group_wait: 100ms
  channels:
    page:
      command: {{ run: [{program}, --urgent, "a b; touch {trap}"], env: {{ PAGER: "n 1" }}, timeout: {timeout} }}
      {retry}
    chat: {{ webhook: {{ url: "http://127.0.0.1:{chat}/chat" }} }}
"""


@pytest.fixture
def chat():
    s = Sink()
    yield s
    s.close()


@pytest.fixture
def small(tmp_path):
    w = Small(str(tmp_path))
    yield w
    w.stop()


@pytest.fixture
def box():
    boxes = []

    def make(small, chat, **options):
        authority(small.folder, "ca")
        certificate(small.folder, "server", "/CN=127.0.0.1", "ca")
        os.link(os.path.join(small.folder, "ca.pem"), os.path.join(small.config, "ca.pem"))
        b = Mailbox(os.path.join(small.folder, "server.pem"), os.path.join(small.folder, "server.key"), "ops", "s3cret")
        boxes.append(b)
        small.write("1", config(MAIL, port=b.port, chat=chat.port, **{"more": "", **options}))
        small.start()
        return b

    yield make
    for b in boxes:
        b.close()


def mails(b, rule, status="firing"):
    return [m for m in b.mails if m["subject"].startswith(f"[{status}] {rule} ")]


def test_a_mail_by_starttls_tells_the_alert_and_its_end(small, chat, box):
    b = box(small, chat)
    letter = make_letter(small)[0]
    mail = until(lambda: mails(b, "dead-letters"))[0]
    assert b.seen_tls and mail.recipients == ["ann@example.com", "bob@example.com"]
    assert mail["subject"] == "[firing] dead-letters work: messages could not be handled and wait in the dead-letter queue"
    assert mail["from"] == "belay@example.com" and mail["to"] == "ann@example.com, bob@example.com"
    assert mail["auto-submitted"] == "auto-generated" and mail["date"] and "@example.com>" in mail["message-id"]
    text = mail.get_content()
    assert "look:    belay dlq ls --flow work" in text and "by:      small" in text and "value:   1" in text
    belay("dlq", "discard", "work", str(letter["sequence"]), "--reason", "test", data=small.data, check=True)
    until(lambda: mails(b, "dead-letters", "resolved"))
    assert chat.posts == []
    with open(os.path.join(small.folder, "belay.log")) as log:
        assert "s3cret" not in log.read()


def test_subject_and_body_may_be_templates(small, chat, box):
    b = box(small, chat, more=", subject: \"Störung: {% rule %}\", body: \"{% $uppercase(rule) & ' – ' & subject %}\"")
    make_letter(small)
    mail = until(lambda: [m for m in b.mails if "dead-letters" in m["subject"]])[0]
    assert mail["subject"] == "Störung: dead-letters" and mail.get_content().strip() == "DEAD-LETTERS – work"


def test_a_mail_whose_answer_is_lost_is_sent_again_as_the_same_one(small, chat, box):
    b = box(small, chat, tries=5)
    b.drop = 2
    make_letter(small)
    assert len({m["message-id"] for m in until(lambda: mails(b, "dead-letters"))}) == 1
    assert chat.posts == []


@pytest.mark.parametrize("refuse", ["550 no such user", "451 later"])
def test_a_refused_mail_goes_to_the_next_channel(small, chat, box, refuse):
    b = box(small, chat)
    b.refuse = refuse
    make_letter(small)
    notice = until(lambda: [n for _, n in chat.posts if n["rule"] == "dead-letters"])[0]
    assert notice["subject"] == "work" and b.mails == []
    with open(os.path.join(small.folder, "belay.log")) as log:
        lines = [json.loads(line) for line in log if "an alert could not be told" in line]
    assert any(refuse in json.dumps(line) for line in lines)


# ---- a program ----

def program(small, text):
    path = os.path.join(small.folder, "pager")
    with open(path, "w") as f:
        f.write("#!/bin/sh\n" + textwrap.dedent(text))
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
    return path


def page_world(small, chat, text, timeout="5s", tries=3):
    trap = os.path.join(small.folder, "trap")
    small.write("1", config(PROGRAM, program=program(small, text), trap=trap, chat=chat.port, timeout=timeout, tries=tries))
    small.start()


def lines_of(small, name):
    path = os.path.join(small.folder, name)
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return f.read().splitlines()


def zombies(pid):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as f:
                state, parent = f.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state == "Z":
            found.append(entry)
    return found


def test_a_program_gets_the_notice_on_stdin_and_in_its_environment(small, chat, monkeypatch):
    monkeypatch.setenv("SECRET_OF_BELAY", "hush")
    page_world(small, chat, f"""
        cat > {small.folder}/stdin.$BELAY_ALERT_RULE; echo "$@" > {small.folder}/args.$BELAY_ALERT_RULE
        env > {small.folder}/env.part.$BELAY_ALERT_RULE
        mv {small.folder}/env.part.$BELAY_ALERT_RULE {small.folder}/env.$BELAY_ALERT_RULE
        """)
    make_letter(small)
    until(lambda: lines_of(small, "env.dead-letters"))
    env = dict(line.split("=", 1) for line in until(lambda: lines_of(small, "env.dead-letters")) if "=" in line)
    assert (env["BELAY_ALERT_SUBJECT"], env["BELAY_ALERT_STATUS"], env["BELAY_ALERT_LEVEL"]) == ("work", "firing", "error")
    assert env["PAGER"] == "n 1" and env["BELAY_IDEMPOTENCY_KEY"] and "SECRET_OF_BELAY" not in env
    notice = json.loads("".join(lines_of(small, "stdin.dead-letters")))
    assert (notice["rule"], notice["hint"]) == ("dead-letters", "belay dlq ls --flow work")
    assert lines_of(small, "args.dead-letters") == [f"--urgent a b; touch {small.folder}/trap"]
    assert not os.path.exists(os.path.join(small.folder, "trap")), "there is no shell"
    assert chat.posts == []
    until(lambda: zombies(small.belay.pid) == [])


def test_a_program_that_fails_is_tried_again(small, chat):
    page_world(small, chat, f"""
        echo $BELAY_ALERT_RULE >> {small.folder}/tries
        [ $(grep -c $BELAY_ALERT_RULE {small.folder}/tries) -ge 3 ] || {{ echo no network >&2; exit 3; }}
        echo $BELAY_ALERT_RULE >> {small.folder}/told
        """, tries=5)
    make_letter(small)
    until(lambda: "dead-letters" in lines_of(small, "told"))
    assert lines_of(small, "tries").count("dead-letters") == 3 and chat.posts == []


def test_a_program_that_always_fails_hands_over_and_says_why(small, chat):
    page_world(small, chat, "echo no network >&2; exit 3\n")
    make_letter(small)
    until(lambda: [n for _, n in chat.posts if n["rule"] == "dead-letters"])
    with open(os.path.join(small.folder, "belay.log")) as log:
        assert any("exit code 3: no network" in line for line in log if "an alert could not be told" in line)


def test_a_program_that_hangs_is_ended_with_all_it_started(small, chat):
    page_world(small, chat, f"""
        trap '' TERM
        echo $$ >> {small.folder}/pids
        sh -c 'trap "" TERM; echo $$ >> {small.folder}/pids; sleep 60' & sleep 60
        """, timeout="500ms", tries=1)
    make_letter(small)
    until(lambda: [n for _, n in chat.posts if n["rule"] == "dead-letters"])
    until(lambda: not [p for p in lines_of(small, "pids") if os.path.exists(f"/proc/{p}")])
    assert zombies(small.belay.pid) == []


def test_a_program_that_prints_without_end_harms_nobody(small, chat):
    page_world(small, chat, f"yes | head -c 50000000; echo $BELAY_ALERT_RULE >> {small.folder}/told\n", timeout="20s")
    make_letter(small)
    until(lambda: "dead-letters" in lines_of(small, "told"))
    with open(f"/proc/{small.belay.pid}/status") as f:
        peak = int([line for line in f if line.startswith("VmHWM")][0].split()[1])
    assert peak < 100 * 1024, "its output is bounded"


def test_what_was_accepted_is_delivered_after_kill_9(small, chat):
    page_world(small, chat, f"[ -e {small.folder}/up ] || exit 1\necho $BELAY_ALERT_RULE >> {small.folder}/told\n", tries=1000)
    belay("alert", "test", "page", data=small.data, check=True)
    small.kill()
    open(os.path.join(small.folder, "up"), "w").close()
    small.start()
    until(lambda: "test" in lines_of(small, "told"))


def test_mistakes_are_found_by_lint(small, chat):
    for channel, said in (
            ("email: { server: 'a/b', from: a@b, to: c@d }", "is a host, or host:port"),
            ("email: { server: mail:25, from: 'A <a@b>', to: c@d }", "is no address"),
            ("email: { server: mail:25, from: a@b, to: [c@d, nobody] }", "is no address"),
            ("email: { server: mail:25, from: a@b, to: c@d, tls: ssl }", "is starttls, tls or none"),
            ("email: { server: mail:25, from: a@b }", "needs 'to'"),
            ("email: { server: mail:25, from: a@b, to: c@d, subject: '{% $sum( %}' }", "error"),
            ("command: { run: /bin/true, env: { 'A B': x } }", "is no name of a variable"),
            ("command: { timeout: 5s }", "needs 'run'"),
            ("command: { run: /bin/true, timeout: soon }", "duration")):
        small.write("1", "alerts:\n  channels:\n    c:\n      " + channel.replace("{", "{{").replace("}", "}}").format() + "\n")
        code, out, err = belay("lint", small.config)
        assert code != 0 and said in out + err, (channel, out + err)


def test_lint_names_the_program_that_is_not_there(tmp_path):
    missing = os.path.join(tmp_path, "horn")
    with open(os.path.join(tmp_path, "belay.yaml"), "w") as f:
        f.write(f"belay: 1\nname: a\nalerts: {{ to: horn, channels: {{ horn: {{ command: [{missing}, --loud] }} }} }}\n")
    code, out, err = belay("lint", str(tmp_path))
    assert code == 0 and f"alerts.horn: '{missing}' cannot be executed here: No such file or directory" in out, out + err
    code, _, err = belay("run", str(tmp_path), "--data", os.path.join(tmp_path, "data"))
    assert code != 0 and f"{missing} cannot be executed" in err, err
