"""Statistics that are added up in parts are those of the whole, to the bit."""

from __future__ import annotations

import io
import itertools
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reduce.exact_sum import ExactSum
from core.reduce.statistics import Statistics
from core.shard.ledger import metric_names, schema
from orchestrator.report.gallery import choose
from orchestrator.report.ledger_scan import COLUMNS, candidates, histogram

VALUES = st.lists(st.floats(-1e15, 1e15, width=64), max_size=60)
CUTS = st.lists(st.integers(0, 60), max_size=6)


def pieces(values: Any, cuts: list[int]) -> list[Any]:
    """The values, cut at these places."""
    places = [0, *sorted(min(cut, len(values)) for cut in cuts), len(values)]
    return [values[a:b] for a, b in itertools.pairwise(places)]


@given(VALUES, CUTS, st.randoms(use_true_random=False))
def test_a_sum_in_parts_is_fsum_of_the_whole(values: list[float], cuts: list[int], random: Any) -> None:
    expected = math.fsum(values) / len(values) if values else None
    random.shuffle(values)
    total = ExactSum()
    for piece in pieces(np.array(values), cuts):
        total.add(piece)
    assert total.mean() == expected
    assert total.count == len(values)


def test_a_sum_keeps_what_rounding_would_lose() -> None:
    total = ExactSum()
    for value in (1e308, 1.0, 2**-1074, -1e308):
        total.add(np.array([value]))
    total.add(np.array([-1.0]))
    assert total.mean() == 2**-1074 / 5 == 0.0
    total.add(np.array([1.0]))
    assert total.mean() == 1 / 6


def test_a_mean_of_nothing_or_of_nan_is_none() -> None:
    total = ExactSum()
    assert total.mean() is None
    total.add(np.array([1.0, np.nan]))
    total.add(np.array([1.0]))
    assert total.mean() is None


def ledger(count: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    plain: dict[str, Any] = {name: rng.random(count) for name in metric_names()}
    plain["linf"] = rng.choice([0.0, 0.1, 0.3], count)
    for name in ("label", "clean_prediction", "adversarial_prediction"):
        plain[name] = rng.integers(0, 4, count)
    plain.update(
        index=np.arange(count),
        digest=["0" * 64] * count,
        success=rng.random(count) < 0.6,
        success_uint8=rng.random(count) < 0.5,
        attack=rng.choice(["a", "b", "c"], count).tolist(),
        target=rng.integers(-1, 4, count),
        fallback_reason=rng.choice(["", "", "no change", "vanished"], count).tolist(),
        steps=rng.integers(0, 11, count),
        forward_passes=rng.integers(1, 30, count),
        backward_passes=rng.integers(0, 20, count),
        shard=np.zeros(count, np.int64),
    )
    return pa.table({name: plain[name] for name in schema().names}, schema=schema())


@given(st.integers(1, 60), st.integers(0, 1000), CUTS)
def test_statistics_do_not_depend_on_how_the_ledger_was_cut(count: int, seed: int, cuts: list[int]) -> None:
    rows = ledger(count, seed)
    statistics = Statistics()
    for piece in pieces(rows, cuts):
        statistics.add(piece)
    found, columns = statistics.totals(), {name: rows.column(name).to_numpy() for name in rows.schema.names}
    assert found["n_images"] == count
    assert found["clean_accuracy"] == (columns["clean_prediction"] == columns["label"]).sum() / count
    robust = (columns["clean_prediction"] == columns["label"]) & (columns["adversarial_prediction"] == columns["label"])
    assert found["robust_accuracy"] == robust.sum() / count
    assert found["error_rate"] == (columns["adversarial_prediction"] != columns["label"]).sum() / count
    assert found["success_rate_uint8"] == columns["success_uint8"].sum() / count
    assert found["means"] == {name: math.fsum(columns[name]) / count for name in metric_names()}
    assert found["ssim_full_mean"] == found["means"]["ssim_full"]
    assert found["linf_max"] == columns["linf"].max()
    assert found["unchanged_count"] == (columns["linf"] == 0).sum()
    assert found["steps_mean"] == columns["steps"].mean()
    assert found["fallback_count"] == (columns["fallback_reason"] != "").sum()
    ssim = columns["ssim"][columns["success"]]
    assert found["ssim_mean_success"] == (math.fsum(ssim) / len(ssim) if len(ssim) else None)
    aimed = columns["target"] >= 0
    hits = (columns["adversarial_prediction"] == columns["target"]).sum()
    assert found["target_rate"] == (hits / aimed.sum() if aimed.any() else None)
    attacks = statistics.by_attack()
    assert [each.attack for each in attacks] == np.unique(columns["attack"]).tolist()
    for attack in attacks:
        mine = columns["attack"] == attack.attack
        assert attack.count == mine.sum()
        assert attack.successes == columns["success"][mine].sum()
        assert (attack.linf_max, attack.l2_max) == (columns["linf"][mine].max(), columns["l2"][mine].max())
    classes = statistics.by_class(("zero", "one"))
    assert classes is not None
    assert [each.label for each in classes] == np.unique(columns["label"]).tolist()
    for each in classes:
        mine = columns["label"] == each.label
        assert each.name == (("zero", "one", "2", "3")[each.label])
        assert each.count == mine.sum()
        assert each.success_rate == columns["success"][mine].sum() / mine.sum()
        assert each.robust_accuracy == robust[mine].sum() / mine.sum()
        assert each.ssim_full_mean == math.fsum(columns["ssim_full"][mine]) / mine.sum()
        assert each.ssim_mean == math.fsum(columns["ssim"][mine]) / mine.sum()


@pytest.mark.slow
@given(st.integers(1, 400), st.integers(0, 1000), st.integers(1, 100))
def test_the_page_chooses_the_same_rows_from_any_row_groups(count: int, seed: int, group: int) -> None:
    rows, file = ledger(count, seed), io.BytesIO()
    pq.write_table(rows, file, row_group_size=group)
    whole = {name: rows.column(name).to_numpy() for name in COLUMNS}
    few = candidates(file)
    assert [few["index"][row] for row in choose(few)] == [whole["index"][row] for row in choose(whole)]
    assert len(few["index"]) <= 4 * 16 + 8
    found = histogram(file)
    assert found is not None
    np.testing.assert_array_equal(found.all_images, np.histogram(whole["ssim"], found.edges)[0])
    np.testing.assert_array_equal(found.successes, np.histogram(whole["ssim"][whole["success"]], found.edges)[0])
    np.testing.assert_array_equal(found.all_images_full, np.histogram(whole["ssim_full"], found.edges)[0])
    assert found.edges[0] == min(whole["ssim"].min(), whole["ssim_full"].min())


@pytest.mark.parametrize("place", [0, 2])
def test_no_histogram_where_ssim_is_not_defined(place: int) -> None:
    rows, file = ledger(3, 0), io.BytesIO()
    ssim = rows.column("ssim").to_numpy().copy()
    ssim[place] = np.nan
    rows = rows.set_column(rows.schema.get_field_index("ssim"), "ssim", pa.array(ssim))
    pq.write_table(rows, file, row_group_size=1)
    assert histogram(file) is None
