"""What the tests of the real binary share: Belay and the order example's partners in a folder of their own."""
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _load_demo():
    path = os.path.join(ROOT, "examples", "order-fulfilment", "demo")
    loader = importlib.machinery.SourceFileLoader("demo", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("demo", loader))
    module.__dict__["__builtins__"] = __builtins__
    loader.exec_module(module)
    return module


demo = _load_demo()
BIN = demo.BIN
BELAY = os.path.join(BIN, "belay")
PATIENCE = demo.PATIENCE


def order(order_id, total=100.0, **more):
    return {"order_id": order_id, "customer": {"id": "c-1"}, "currency": "EUR", "total": total,
            "items": [{"sku": "ROPE-60", "qty": 1, "price": total}], **more}


def belay(*args, data=None, check=False, stdin=None, env=None):
    """One command to its end: (exit code, standard output, standard error)."""
    extra = ["--data", data] if data else []
    done = subprocess.run([BELAY, *args, *extra], capture_output=True, text=True, timeout=PATIENCE, input=stdin, env=env)
    if check:
        assert done.returncode == 0, (args, done.returncode, done.stderr)
    return done.returncode, done.stdout, done.stderr


def belay_json(*args, data=None):
    return json.loads(belay(*args, "--json", data=data, check=True)[1])


def until(condition, seconds=PATIENCE, every=0.05):
    """The first true value of condition(); fails the test when none comes."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(every)
