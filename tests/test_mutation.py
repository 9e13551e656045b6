"""The changes that mutation testing tries, and that tests in a child of the process notice them."""

from __future__ import annotations

import ast
import importlib
import sys
import time
from pathlib import Path

import pytest
from mutation import child
from mutation.child import in_a_child
from mutation.mutants import mutants
from mutation.outside import Changed
from mutation.session import make

from specgen import joins
from specgen.shape import Shape

JOINS = Path("specgen/joins.py")


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent)


def test_every_kind_of_change_is_tried_once(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        'def f(a, b: "left out"):\n'
        '    """Left out."""\n'
        "    if a < b and not b:\n"
        "        return a + 1\n"
        "    assert 'left out'\n"
        "    print('word')\n"
        "    return None\n"
    )
    assert sorted(mutant.change for mutant in mutants(path)) == sorted(
        {
            "a < b and (not b) → a < b or not b",
            "a < b → a <= b",
            "not b → b",
            "return a + 1 → return None",
            "a + 1 → a - 1",
            "1 → 2",
            "print('word') → nothing",
            "'word' → 'XXword'",
        }
    )


def test_outside_of_functions_tables_defaults_and_what_an_option_takes_are_changed(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "Size: TypeAlias = 'int | None'\n"
        "TABLE = {'word': 1}\n"
        "@dataclass(slots=True)\n"
        "class Layer:\n"
        "    size: Annotated[int | None, Whole(2)] = 3\n"
        "    kind: ClassVar[str | None]\n"
        "def f(a, b: int | None = 4):\n"
        "    return zip(a, b, strict=True)\n"
    )
    assert {mutant.change for mutant in mutants(path) if not mutant.function} == {
        "'word' → 'XXword'", "1 → 2", "2 → 3", "3 → 4", "4 → 5",
    }  # fmt: skip
    assert [mutant.change for mutant in mutants(path) if mutant.function] == [
        "return zip(a, b, strict=True) → return None"
    ]


def test_a_module_is_imported_with_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("changed_here.py").write_text("LIMIT = 10\n")
    (mutant,) = mutants(Path("changed_here.py"))
    monkeypatch.setattr(sys, "meta_path", [Changed(mutant), *sys.meta_path])
    try:
        assert importlib.import_module("changed_here").LIMIT == 11
    finally:
        sys.modules.pop("changed_here", None)


def test_a_child_that_fails_or_hangs_says_no(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs() -> bool:
        while True:
            pass

    assert in_a_child(lambda: True, 10)
    assert not in_a_child(lambda: False, 10)
    assert not in_a_child(lambda: [][0], 10)
    assert not in_a_child(hangs, 1)
    monkeypatch.setattr(child, "PATIENCE", 1)
    assert not in_a_child(lambda: time.sleep(60) is None, 1)


def test_each_change_is_the_only_one() -> None:
    text = ast.unparse(ast.parse(JOINS.read_text(encoding="utf-8"))).split("\n")
    found = mutants(JOINS)
    assert len(found) > 40
    for mutant in found:
        changed = ast.unparse(mutant.tree()).split("\n")
        assert len(changed) == len(text)
        assert sum(one != other for one, other in zip(text, changed, strict=True)) == 1


def test_a_function_gets_other_code() -> None:
    before = joins.share.__code__
    mutant = next(
        one for one in mutants(JOINS) if one.change == "x.channels % branches → x.channels * branches"
    )
    try:
        make(mutant)
        with pytest.raises(joins.Refusal):
            joins.share("split", Shape(4), 2)
    finally:
        joins.share.__code__ = before
    assert joins.share("split", Shape(4), 2) == Shape(2)
