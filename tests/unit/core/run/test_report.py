from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.run.report import NEED_LABELS, Report
from tests.documents import REPORT


def test_without_labels_all_that_needs_them_is_null() -> None:
    bare = Report.model_validate({**REPORT.model_dump(), **dict.fromkeys(NEED_LABELS)})
    assert Report.model_validate_json(bare.model_dump_json()) == bare
    assert (bare.clean_accuracy, bare.robust_accuracy, bare.error_rate, bare.classes) == (None,) * 4


@pytest.mark.parametrize("name", NEED_LABELS)
def test_a_report_without_labels_that_has_one_of_them_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="without labels"):
        Report.model_validate({**REPORT.model_dump(), name: None})
