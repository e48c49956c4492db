"""The tests notice most small changes to the numerical code."""

from __future__ import annotations

import ast

import pytest

from tests.mutation import ROOT, TESTS, list_mutants, sample_mutants, source_of, survivors


@pytest.mark.parametrize("part", TESTS)
def test_every_mutant_differs_from_the_program(part: str) -> None:
    mutants = sample_mutants(20, 1, part)
    assert len(mutants) >= 6
    for mutant in mutants:
        before = ast.unparse(ast.parse(mutant.path.read_text(encoding="utf-8")))
        assert source_of(mutant) != before
        compile(source_of(mutant), str(mutant.path), "exec")


def test_mutated_parts_and_their_tests_exist() -> None:
    assert [part for part in TESTS if not (ROOT / "curv_issues" / part).exists()] == []
    assert [path for tests in TESTS.values() for path in tests if not (ROOT / path).exists()] == []
    assert len(list_mutants(ROOT / "curv_issues" / "training" / "recipe.py")) > 20


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_at_least_nine_of_ten_mutants_are_noticed() -> None:
    mutants = sample_mutants(100, 0)
    left = survivors(mutants)
    assert len(left) <= 0.1 * len(mutants), "\n".join(map(str, left))
