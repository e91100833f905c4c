from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.run.index_map import NO_LABEL
from core.shard.ledger import schema
from orchestrator.report.gallery import OTHERS, SUCCESSES
from orchestrator.report.ledger_scan import candidates

EMPTY: dict[pa.DataType, Any] = {pa.int64(): 0, pa.float64(): 0.5, pa.string(): "", pa.bool_(): False}


def test_without_labels_the_first_successes_of_each_clean_prediction_are_kept() -> None:
    predictions = [0] * 40 + [1] * 40
    rows = {column.name: [EMPTY[column.type]] * 80 for column in schema()}
    rows |= {"index": list(range(80)), "label": [None] * 80, "clean_prediction": predictions}
    rows["success"] = [True] * 35 + [False] * 5 + [True] * 40
    file = io.BytesIO()
    pq.write_table(pa.table(rows, schema=schema()), file, row_group_size=25)
    kept = candidates(file)
    assert kept["index"].tolist() == [*range(SUCCESSES), *range(35, 35 + OTHERS), *range(40, 40 + SUCCESSES)]
    assert kept["label"].dtype == np.int64
    assert set(kept["label"].tolist()) == {NO_LABEL}
