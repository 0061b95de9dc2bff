"""belay audit: the balance of a running belay and of a directory, and what is missing by its name."""
import json
import os
import threading
import time

from world import belay, belay_json, demo, until


def store(world):
    return os.path.join(world.folder, "store")


def send(world, count, prefix="a"):
    for i in range(count):
        assert demo.place(world, f"{prefix}-{i}", i, time.monotonic() + demo.PATIENCE)


def balances(report):
    return {b["flow"]: b for b in report["balances"]}


def adds_up(report):
    for b in report["balances"]:
        states = ("queued", "in_flight", "waiting", "held", "parked", "dead", "done", "discarded", "expired", "lost")
        assert b["published"] == sum(b[s] for s in states), b


def test_a_running_belay_tells_its_balance_while_orders_come_in(world):
    world.faults(payments={"error": 0.2}, warehouse={"error": 0.2})
    send(world, 20)
    more = threading.Thread(target=send, args=(world, 60, "b"))
    more.start()
    for _ in range(5):
        report = belay_json("audit", data=store(world))
        assert report["sound"] and report["lost"] == 0 and report["findings"] == []
        adds_up(report)
    more.join()
    assert balances(belay_json("audit", data=store(world)))["fulfil-order"]["published"] >= 80
    code, out, _ = belay("audit", "--flow", "fulfil-order", data=store(world))
    assert code == 0 and "lost 0" in out and "fulfil-order" in out and "notify-warehouse" not in out


def test_a_directory_tells_the_same_after_a_kill_and_is_not_changed(world):
    world.faults(warehouse={"reject": 1})
    send(world, 30)
    world.kill()

    def files():
        return {os.path.join(d, f): open(os.path.join(d, f), "rb").read()
                for d, _, names in os.walk(store(world)) for f in names if f.endswith((".seg", ".arc", "NEWEST"))}

    before = files()
    report = belay_json("audit", data=store(world))
    assert report["sound"]
    adds_up(report)
    assert balances(report)["fulfil-order"]["published"] == 30
    assert report["sagas"][0]["name"] == "fulfil-order"
    assert sum(report["sagas"][0][s] for s in ("running", "compensating", "parked", "completed", "compensated",
                                               "failed")) <= 30
    assert files() == before


def test_what_does_not_exist_is_said(tmp_path):
    code, _, err = belay("audit", data=str(tmp_path / "nothing"))
    assert code == 74 and "nothing" in err
    assert belay("audit", "here")[0] == 64


def test_damage_ends_the_audit_with_its_place(world):
    send(world, 10)
    world.kill()
    segments = sorted(f for f in os.listdir(os.path.join(store(world), "journal")) if f.endswith(".seg"))
    path = os.path.join(store(world), "journal", segments[0])
    with open(path, "r+b") as f:
        f.seek(4096 + 100)
        byte = f.read(1)
        f.seek(4096 + 100)
        f.write(bytes([byte[0] ^ 4]))
    code, out, _ = belay("audit", data=store(world))
    assert code == 1 and segments[0] in out and "DAMAGED" in out


def test_after_a_kill_the_loss_of_the_newest_segment_is_named(world):
    """Nothing but journal/NEWEST could tell."""
    send(world, 10)
    world.kill()
    journal = os.path.join(store(world), "journal")
    with open(os.path.join(journal, "NEWEST"), "rb") as f:
        sector = f.read()
    newest = f"{int.from_bytes(sector[12:16], 'little'):08d}.seg"
    os.rename(os.path.join(journal, newest), os.path.join(world.folder, newest))
    code, out, err = belay("run", os.path.join(demo.EXAMPLE), data=store(world), env=world.env)
    assert code == 74 and newest in err, (code, err)
    assert belay("audit", data=store(world))[0] == 1
    os.rename(os.path.join(world.folder, newest), os.path.join(journal, newest))
    world.start()
    assert until(lambda: belay_json("audit", data=store(world)))["sound"]


def test_what_would_vanish_is_refused_with_its_place(tmp_path):
    config = tmp_path / "belay.yaml"
    config.write_text("belay: 1\nname: a\ntopics: { t: {} }\nflows:\n  f:\n    from: { topic: t }\n"
                      "    steps: [ { log: x } ]\n    on_error:\n      - { when: '*', steps: [ { log: oh } ] }\n")
    for command in ("lint", "run"):
        code, out, err = belay(command, str(config), **({"data": str(tmp_path / "store")} if command == "run" else {}))
        assert code == 78 and "belay.yaml:9:31: error" in out + err and "discard: { reason: ... }" in out + err, out + err
    config.write_text(config.read_text().replace("{ log: oh }", "{ discard: nobody misses it }"))
    assert belay("lint", str(config))[0] == 0
