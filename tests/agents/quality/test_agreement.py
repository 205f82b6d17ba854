"""Agreement against published values, against its own definition, and under relabelling."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.quality.agreement import Unit, cohen_kappa, krippendorff_alpha
from agents.quality.intervals import wilson

# Krippendorff's data C (4 observers, 12 units) and the 3 by 15 example of the encyclopaedias
DATA_C = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
THREE_BY_FIFTEEN = (".....34121133.3", "1.213343.......", "..21344.21133.4")


def units_of(observers: tuple[str, ...]) -> list[Unit]:
    return [Unit(Counter(c for c in said if c != ".")) for said in zip(*observers, strict=True)]


def alpha_of(units: list[Unit], seed: int = 1) -> float:
    value = krippendorff_alpha(units, np.random.default_rng(seed)).value
    assert value is not None
    return value


def by_definition(observers: list[str]) -> float:
    """1 - observed / expected disagreement, pair by pair."""
    units = [[c for c in said if c != "."] for said in zip(*observers, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    values = [c for unit in units for c in unit]
    observed = sum(
        sum(a != b for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units
    ) / len(values)
    pairs = list(permutations(values, 2))
    return float(1 - observed * len(pairs) / sum(a != b for a, b in pairs))


@pytest.mark.parametrize(
    ("observers", "expected"), [(DATA_C, 0.743421), (THREE_BY_FIFTEEN, 0.691358)]
)
def test_alpha_of_published_data(observers: tuple[str, ...], expected: float) -> None:
    assert alpha_of(units_of(observers)) == pytest.approx(expected, abs=1e-6)


@given(
    st.integers(2, 4).flatmap(
        lambda people: st.lists(
            st.text("abc.", min_size=people, max_size=people), min_size=2, max_size=12
        )
    )
)
def test_alpha_is_its_definition(units: list[str]) -> None:
    observers = ["".join(said) for said in zip(*units, strict=True)]
    paired = [unit for unit in units if sum(c != "." for c in unit) > 1]
    found = krippendorff_alpha(units_of(tuple(observers)), np.random.default_rng(1))
    assert found.n == len(paired)
    if len({c for unit in paired for c in unit if c != "."}) < 2:
        assert found.value is None, "nobody could differ"
    else:
        assert found.value == pytest.approx(by_definition(observers))


@given(st.lists(st.tuples(st.text("ab", min_size=2, max_size=3), st.integers(1, 3)), min_size=1))
def test_a_weight_is_so_many_equal_units(units: list[tuple[str, int]]) -> None:
    """But for the correction for few answers, which goes by the answers really given."""
    weighted = [Unit(Counter(said), float(times)) for said, times in units] * 60
    repeated = [Unit(Counter(said)) for said, times in units for _ in range(times)] * 60
    one = krippendorff_alpha(weighted, np.random.default_rng(1)).value
    other = krippendorff_alpha(repeated, np.random.default_rng(1)).value
    assert (one is None) == (other is None)
    if one is not None:
        assert one == pytest.approx(other, abs=0.03)


def test_alphas_interval_covers_the_truth_as_promised() -> None:
    """Two who err in a fifth of even labels agree in .68, by chance in .5: alpha is .36."""
    rng = np.random.default_rng(8)
    covered = 0
    for number in range(100):
        labels = rng.integers(0, 2, 150)
        said = [np.where(rng.random(150) < 0.2, 1 - labels, labels) for _ in range(2)]
        units = [Unit(Counter(map(str, pair))) for pair in zip(*said, strict=True)]
        e = krippendorff_alpha(units, np.random.default_rng(number))
        assert e.low is not None
        assert e.high is not None
        covered += e.low <= 0.36 <= e.high
    assert 0.90 <= covered / 100 <= 0.99


def test_equal_generators_make_equal_intervals() -> None:
    units = units_of(DATA_C)
    one, other = (krippendorff_alpha(units, np.random.default_rng(5)) for _ in range(2))
    assert one == other


def test_where_nobody_differed_alpha_is_not_certain() -> None:
    agreed = [Unit({"a": 2})] * 6 + [Unit({"b": 2})] * 3
    e = krippendorff_alpha(agreed, np.random.default_rng(1))
    assert (e.value, e.high, e.n) == (1.0, 1.0, 9)
    assert e.low is not None
    assert 0.2 < e.low < 0.6


def test_one_answer_is_no_agreement() -> None:
    assert krippendorff_alpha([Unit({"a": 1})], np.random.default_rng(1)).n == 0


def test_kappa_of_the_textbook() -> None:
    found = cohen_kappa({("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15})
    assert found.kappa.value == pytest.approx(0.4)
    assert found.error == pytest.approx(0.126996, abs=1e-6)
    assert found.agreement == wilson(35, 50)


tables = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), st.integers(1, 40), min_size=1
)


@given(tables)
def test_kappa_does_not_depend_on_who_is_who_nor_on_names(
    table: dict[tuple[str, str], int],
) -> None:
    found = cohen_kappa(table)
    swapped = cohen_kappa({(other, one): count for (one, other), count in table.items()})
    renamed = cohen_kappa({(f"z{one}", f"z{other}"): n for (one, other), n in table.items()})
    for again in (swapped, renamed):
        assert (again.kappa.value is None) == (found.kappa.value is None)
        if found.kappa.value is not None:
            assert again.kappa.value == pytest.approx(found.kappa.value)
            assert again.error == pytest.approx(found.error, abs=1e-9)


@given(tables)
def test_kappa_lies_in_its_interval_and_in_its_range(table: dict[tuple[str, str], int]) -> None:
    e = cohen_kappa(table).kappa
    if e.value is not None:
        assert e.low is not None
        assert e.high is not None
        assert -1 <= e.low <= e.value <= e.high <= 1


def test_perfect_agreement_is_not_certain() -> None:
    found = cohen_kappa({("a", "a"): 4, ("b", "b"): 4})
    assert (found.kappa.value, found.error, found.kappa.high) == (1.0, 0.0, 1.0)
    assert found.kappa.low is not None
    assert found.kappa.low < 0.5


def test_who_always_say_the_same_word_have_no_kappa() -> None:
    found = cohen_kappa({("a", "a"): 9})
    assert (found.kappa.value, found.error, found.kappa.n) == (None, None, 9)
    assert found.agreement.value == 1.0
    assert cohen_kappa({}).agreement.value is None


@pytest.mark.parametrize("n", [10, 30, 100])
def test_kappas_interval_covers_the_truth_where_its_error_alone_does_not(n: int) -> None:
    rng = np.random.default_rng(4)
    cells = {("a", "a"): 0.59, ("a", "b"): 0.01, ("b", "a"): 0.01, ("b", "b"): 0.39}
    chance = 0.6 * 0.6 + 0.4 * 0.4
    truth = (0.98 - chance) / (1 - chance)
    covered = by_error = known = 0
    for _ in range(400):
        drawn = rng.multinomial(n, list(cells.values()))
        found = cohen_kappa({k: int(c) for k, c in zip(cells, drawn, strict=True) if c})
        e = found.kappa
        if e.value is None or e.low is None or e.high is None or found.error is None:
            continue
        known += 1
        covered += e.low <= truth <= e.high
        by_error += abs(e.value - truth) <= 1.96 * found.error
    assert covered / known >= 0.95
    assert by_error / known < 0.9
