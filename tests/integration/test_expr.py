"""belay expr as people and scripts use it: options, exit codes, the prompt on a terminal."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

from world import BELAY

DATA = '{"order_id": "o-1", "items": [{"qty": 2, "price": 3}, {"qty": 1, "price": 4}]}'


def expr(*args, stdin=""):
    done = subprocess.run([BELAY, "expr", *args], input=stdin, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_a_result_is_json_and_undefined_is_nothing():
    assert expr("$sum(items.(qty * price))", stdin=DATA) == (0, "10\n", "")
    assert expr("nothing", stdin=DATA) == (0, "", "")
    assert expr("$", stdin="") == (0, "", "")


def test_json_tells_all_three_outcomes():
    assert json.loads(expr("--json", "items.qty", stdin=DATA)[1]) == {"result": [2, 1]}
    assert json.loads(expr("--json", "nothing", stdin="")[1]) == {"undefined": True}
    code, out, _ = expr("--json", "1 + 'x'", stdin="")
    error = json.loads(out)["error"]
    assert code == 1 and error["code"] == "T2002" and error["position"] == 2 and error["message"]
    assert expr("--json", "1 +", stdin="")[0] == 1


def test_json_tells_of_bad_input_too():
    for args, stdin, code in ((("$",), '{"a":', "INPUT"), (("$",), "[" * 100000, "INPUT"),
                              (("--bindings", "{", "$"), "", "BINDING"), (("--bindings", "[]", "$"), "", "BINDING")):
        status, out, err = expr("--json", *args, stdin=stdin)
        assert status == 1 and json.loads(out)["error"]["code"] == code and err == ""


def test_an_error_says_what_and_where():
    for source, said in (("$substringAfter('x', 1)", "T0410 at 15: argument 2, a number, does not match the function's signature: 1"),
                         ("$uppercase('x', [1])", "T0410 at 10: argument 2, an array, does not match the function's signature: array"),
                         ("$parse('{')", "U3003 at 6: the text is not well formed: line 1, column 2: expected a member's name in "
                                         "double quotes or '}', found the end of the text")):
        assert expr(source) == (1, "", f"belay expr: {said}\n")


def test_the_input_may_be_a_file(tmp_path):
    (tmp_path / "in.json").write_text(DATA)
    assert expr("order_id", str(tmp_path / "in.json")) == (0, '"o-1"\n', "")
    assert expr("order_id", str(tmp_path / "none.json"))[0] == 1
    assert "line" in expr("order_id", stdin="{")[2] or "input" in expr("order_id", stdin="{")[2]


def test_bindings_are_variables():
    assert expr("--bindings", '{"x": 2, "f": {"a": [1, 2]}}', "$x * $f.a[1]")[1] == "4\n"
    assert expr("--bindings", "[1]", "$x")[0] == 1
    assert expr("--bindings", "{", "$x")[0] == 1


def test_the_tree_is_printed_without_input():
    tree = json.loads(expr("--ast", "a.b[0] + $x")[1])
    assert tree["type"] == "binary" and tree["operator"] == "+" and tree["position"] == 7
    assert [step["value"] for step in tree["lhs"]["steps"]] == ["a", "b"]
    assert tree["rhs"] == {"type": "variable", "variable": "x", "position": 9}


def test_explain_tells_where_the_steps_went():
    code, out, err = expr("--explain", "$sum($map([1..1000], function($i) { $i * $i })) + 1")
    assert code == 0 and out == "333833501\n"
    lines = err.splitlines()
    total = int(lines[0].split()[0])
    assert total > 3000 and lines[2].split()[-1].startswith("$i") or "$i" in lines[2]
    assert sum(int(line.split()[0]) for line in lines[2:]) == total
    assert expr("--explain", "$eval('[1..5].($ * 2)')", stdin="")[0] == 0


def test_an_expression_that_never_ends_is_stopped():
    forever = "($f := function($n) { $f($n + 1) }; $f(0))"
    assert json.loads(expr("--json", forever)[1])["error"]["code"] == "U1001"
    began = time.monotonic()
    code, out, _ = expr("--json", "--timeout", "1", "($f := function($n) { $n = 0 ? 0 : $f($n - 1) }; $f(150000))")
    assert code == 1 and json.loads(out)["error"]["code"] in ("U1007", "U1001") and time.monotonic() - began < 30
    assert json.loads(expr("--json", "$match($join([1..40].('a')) & '!', /^(a+)+$/)")[1])["error"]["code"] == "U1005"
    assert json.loads(expr("--json", "$eval('((')")[1])["error"]["code"] == "D3120"
    assert json.loads(expr("--json", "$string([1..9000000])")[1])["error"]["code"] in ("U1001", "U1004", "U1006")


def test_more_steps_may_be_allowed_than_in_a_flow():
    source = "($loop := function($n) { $n = 0 ? 'done' : $loop($n - 1) }; $loop(100000))"
    assert "U1001" in expr(source)[2]
    assert expr("--steps", "10000000", source)[:2] == (0, '"done"\n')


def test_wrong_usage_says_so():
    assert expr("a", "b", "c")[0] == 64
    assert expr("--nonsense", "a")[0] == 64
    assert expr(stdin="")[0] == 64


class Terminal:
    def __init__(self, home):
        seen, see = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.read(seen, 1)
            os.environ.update(HOME=str(home), TERM="dumb")
            os.execv(BELAY, [BELAY, "expr"])
        self.modes = termios.tcgetattr(self.fd)
        os.write(see, b"!")
        os.close(seen), os.close(see)
        self.text = ""

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, wanted, seconds=60):
        """Takes all up to the wanted text."""
        end = time.monotonic() + seconds
        while not re.search(wanted, self.text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError(f"no {wanted!r} in {self.text!r}")
            try:
                self.text += os.read(self.fd, 4096).decode(errors="replace")
            except OSError:
                raise AssertionError(f"ended without {wanted!r}: {self.text!r}") from None
        self.text = self.text[re.search(wanted, self.text).end():]

    def line(self, text):
        """Types a line once the prompt is there."""
        self.until(r"(^|[\r\n])(> |\.\.\. )")
        self.type(text + "\n")

    def ended(self, seconds=60):
        """Its exit code; what it still says is taken, so that it is not kept from ending."""
        deadline = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                assert termios.tcgetattr(self.fd) == self.modes
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
            elif select.select([self.fd], [], [], 0.02)[0]:
                try:
                    self.text += os.read(self.fd, 4096).decode(errors="replace")
                except OSError:
                    time.sleep(0.02)


def test_the_prompt_evaluates_completes_and_remembers(tmp_path):
    t = Terminal(tmp_path)
    t.line('.json {"order_id": "o-7", "items": [1, 2]}')
    t.line("order_id & '!'")
    t.until('"o-7!"')
    t.line("[1,")
    t.line("2]")
    t.until(r"\[1,2\]")
    t.line("1 + 'x'")
    t.until("T2002 at 2")
    t.line("$uppercas\t'abc')")
    t.until('"ABC"')
    t.line("order_i\t")
    t.until('"o-7"')
    t.line(".explain 1 + 1")
    t.until("steps")
    t.type("\x04")
    assert t.ended() == 0
    assert "uppercase" in (tmp_path / ".belay_expr_history").read_text()
    again = Terminal(tmp_path)
    again.line("\x10\x10\x10")  # three back
    again.until('"ABC"')
    again.type("\x04")
    assert again.ended() == 0


def test_what_is_typed_before_the_prompt_is_there_counts(tmp_path):
    t = Terminal(tmp_path)
    t.type("1000 + 1\n$uppercas\t'ahead')\n2000 + 2\n\x04")
    assert t.ended() == 0
    assert [found in t.text for found in ("1001\r", '"AHEAD"\r', "2002\r")] == [True] * 3, t.text


def test_a_ctrl_d_while_it_computes_ends_the_prompt(tmp_path):
    t = Terminal(tmp_path)
    t.line("$sum([1..300000].($ * 2)) & '=sum'")
    t.until("sum\\)?'\r?\n")  # the line is taken, the terminal cooked
    t.type("\x04")
    assert t.ended() == 0 and "=sum" in t.text


def test_the_prompt_takes_every_language(tmp_path):
    t = Terminal(tmp_path)
    t.line("'é€😀' & $length('äö')")
    t.until('"é€😀2"')
    t.type("\x04")
    assert t.ended() == 0
