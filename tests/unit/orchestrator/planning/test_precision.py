"""The rule is pure: it needs neither TensorFlow nor the processor."""

from __future__ import annotations

import pytest

from core.errors import ConfigError
from core.models.files.operations import Operations
from core.run.manifest import RunConfig
from orchestrator.planning.precision import Chosen, choose_precision
from orchestrator.planning.request import Request
from orchestrator.planning.validate import run_config

PLAIN = Operations(multiplications=1000, without_bfloat16=20)
DEPTHWISE = Operations(multiplications=1000, without_bfloat16=21)
UNKNOWN = Operations(multiplications=0, without_bfloat16=0)
SAVED = Operations(multiplications=1000, without_bfloat16=0, own_weights=False)
HERE = "avx512_bf16"


def of(attack: str = "mifgsm", fallback: str | None = None) -> RunConfig:
    return run_config(Request(store="unused", attack=attack, fallback=fallback))


def choose(
    wanted: str,
    operations: Operations | None = PLAIN,
    instructions: str | None = HERE,
    *,
    attack: str = "mifgsm",
    elsewhere: bool = False,
) -> Chosen:
    return choose_precision(wanted, of(attack), operations, instructions, elsewhere=elsewhere)


def test_auto_takes_bfloat16_where_processor_and_model_gain() -> None:
    assert choose("auto").precision == "bfloat16"
    assert choose("auto", instructions="amx_bf16").precision == "bfloat16"
    assert choose("auto", attack="deepfool,apgd-ce").precision == "bfloat16"


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (choose("auto", DEPTHWISE), "2.1% of the model's multiplications have no kernel"),
        (choose("auto", UNKNOWN), "unknown"),
        (choose("auto", None), "unknown"),
        (choose("auto", SAVED), "a SavedModel"),
        (choose("auto", instructions=None), "a processor without"),
        (choose("auto", elsewhere=True), "the processors of a broker's workers are unknown"),
        (choose("auto", attack="deepfool"), "deepfool, which does not"),
    ],
)
def test_auto_says_why_it_takes_float32(chosen: Chosen, why: str) -> None:
    assert chosen.precision == "float32"
    assert chosen.note is not None
    assert why in chosen.note


def test_float32_needs_no_reason() -> None:
    assert choose("float32", None, None) == Chosen("float32")


def test_bfloat16_by_name_is_taken_wherever_it_can_be_had() -> None:
    assert choose("bfloat16", DEPTHWISE) == Chosen("bfloat16")
    assert choose("bfloat16", None) == Chosen("bfloat16")
    # A worker that can't refuses its shards.
    assert choose("bfloat16", instructions=None, elsewhere=True) == Chosen("bfloat16")
    fallback = choose_precision("bfloat16", of("deepfool", "ifgsm"), PLAIN, HERE, elsewhere=False)
    assert fallback.precision == "bfloat16"


@pytest.mark.parametrize(
    ("operations", "instructions", "attack", "said"),
    [
        (PLAIN, None, "mifgsm", "expected a processor with avx512_bf16 or amx_bf16, for --precision bfloat16"),
        (SAVED, HERE, "mifgsm", "expected a Keras model, for --precision bfloat16; got a SavedModel"),
        (PLAIN, HERE, "deepfool", "got deepfool, which does not"),
    ],
)
def test_bfloat16_that_can_not_be_had_is_refused(
    operations: Operations, instructions: str | None, attack: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        choose("bfloat16", operations, instructions, attack=attack)
    assert said in str(refused.value)
    assert str(refused.value).endswith("use --precision float32 or auto")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected auto, float32, bfloat16 as the precision; got 'half'"):
        choose("half")
