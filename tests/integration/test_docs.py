"""What the documentation shows of a flow file loads: `belay lint` has nothing against it."""
import glob
import os
import re
import shutil

import pytest

from world import ROOT, belay

# A block of YAML and, in the comment before it, what stands around it in a whole file: the line `...` is where the block goes,
# at first where there is none.
BLOCK = re.compile(r"(?:<!-- belay lint:\n(?P<around>.*?)-->\n+)?^(?P<indent> *)```ya?ml\n(?P<yaml>.*?)^(?P=indent)```$", re.M | re.S)
SECRETS = {"PARTNER_A_KEY": "a-key-of-a-partner", "GRAFANA_TOKEN": "a-token-of-grafana"}


def blocks_of(text):
    """(line, whole file) of each block."""
    for found in BLOCK.finditer(text):
        before, dots, behind = (found["around"] or "").partition("...\n")
        if not dots:
            before, behind = "", before
        yaml = re.sub(f"^{found['indent']}", "", found["yaml"], flags=re.M)
        whole = before + yaml + behind
        head = "" if re.search("^belay:", whole, re.M) else "belay: 1\nname: shown\n"
        yield text.count("\n", 0, found.start("yaml")) + 1, head + whole


def all_blocks():
    pages = ["README.md", *glob.glob("docs/**/*.md", root_dir=ROOT, recursive=True),
             *glob.glob("examples/*/README.md", root_dir=ROOT)]
    for page in sorted(pages):
        with open(os.path.join(ROOT, page), encoding="utf-8") as f:
            for line, yaml in blocks_of(f.read()):
                yield pytest.param(yaml, id=f"{page}:{line}")


def lint(folder, yaml):
    """belay lint's exit code and what it says, beside the files that the documentation names."""
    os.makedirs(folder / "tables")
    os.makedirs(folder / "secrets")
    os.makedirs(folder / "published" / "partner.example" / "schemas")
    (folder / "published" / "partner.example" / "schemas" / "order.json").write_text("{}")
    shutil.copy(os.path.join(ROOT, "examples", "order-fulfilment", "storefront.openapi.yaml"), folder)
    (folder / "tables" / "vat.json").write_text('{"DE": 19}')
    (folder / "skus.csv").write_text("sku,name\nROPE-60,Rope\n")
    for name in ("alice", "b"):
        (folder / "secrets" / name).write_text(f"a-secret-of-{name}\n")
    (folder / "belay.yaml").write_text(yaml.replace("/run/secrets", str(folder / "secrets")))
    code, out, err = belay("lint", str(folder), env={**os.environ, **SECRETS})
    return code, out + err


@pytest.mark.parametrize("yaml", list(all_blocks()))
def test_what_the_documentation_shows_loads(yaml, tmp_path):
    code, said = lint(tmp_path, yaml)
    assert code == 0, f"{said}\n{yaml}"


@pytest.mark.parametrize("yaml", list(all_blocks()))
def test_what_the_documentation_shows_is_what_an_editor_accepts(yaml, tmp_path):
    (tmp_path / "belay.schema.json").write_text(belay("schema", "print", check=True)[1])
    (tmp_path / "shown.yaml").write_text(yaml)
    code, out, err = belay("schema", "validate", str(tmp_path / "belay.schema.json"), str(tmp_path / "shown.yaml"))
    assert code == 0, f"{out}{err}\n{yaml}"


def test_blocks_are_found_with_what_stands_around_them():
    text = """
```yaml
queues: { a: {} }
```
<!-- belay lint:
flows:
  f:
...
    steps: []
-->
  ```yaml
    from: { queue: a }
  ```
<!-- belay lint:
topics: {}
-->
```yaml
belay: 1
```
"""
    head = "belay: 1\nname: shown\n"
    assert list(blocks_of(text)) == [(3, head + "queues: { a: {} }\n"),
                                     (12, head + "flows:\n  f:\n  from: { queue: a }\n    steps: []\n"),
                                     (18, "belay: 1\ntopics: {}\n")]


def test_what_does_not_load_is_noticed(tmp_path):
    code, said = lint(tmp_path, "belay: 1\nname: shown\nqueues: { a: { max_mesages: 1 } }\n")
    assert code == 78 and "max_messages" in said
