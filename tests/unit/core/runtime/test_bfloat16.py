from __future__ import annotations

import pytest

from core.runtime.bfloat16 import bfloat16_instructions

ZEN = "processor : 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\nprocessor : 1\n"
RAPIDS = "flags : avx512f avx512_bf16 amx_bf16 amx_tile"


@pytest.mark.parametrize(
    ("cpuinfo", "limit", "found"),
    [
        (ZEN, "", "avx512_bf16"),
        (ZEN, "ALL", "avx512_bf16"),
        (ZEN, "AVX512_CORE_BF16", "avx512_bf16"),
        (ZEN, "AVX512_CORE_VNNI", None),
        (ZEN, "AVX2", None),
        (RAPIDS, "", "amx_bf16"),
        (RAPIDS, "avx512_core_bf16", "avx512_bf16"),
        (RAPIDS, "AVX512_CORE_AMX", "amx_bf16"),
        ("flags : avx2 avx512f", "", None),
        ("model name : none", "", None),
        ("", "", None),
    ],
)
def test_the_processor_and_the_limit_decide(cpuinfo: str, limit: str, found: str | None) -> None:
    assert bfloat16_instructions(cpuinfo, {"ONEDNN_MAX_CPU_ISA": limit}) == found


def test_without_onednn_there_is_no_bfloat16() -> None:
    assert bfloat16_instructions(ZEN, {"TF_ENABLE_ONEDNN_OPTS": "0"}) is None
    assert bfloat16_instructions(ZEN, {"TF_ENABLE_ONEDNN_OPTS": "1"}) == "avx512_bf16"
