from __future__ import annotations

from typing import Any

import pytest

from core.errors import ConfigError
from orchestrator.planning.request import Request
from orchestrator.planning.validate import default_batch_size, run_config


def request(**change: Any) -> Request:
    return Request(store="unused", **change)


def test_every_hyper_parameter_is_written_out() -> None:
    config = run_config(request(params={"epsilon": 0.1}))
    main, fallback = config.stages
    assert (main.attack, main.only_unchanged) == ("mifgsm", False)
    assert main.params == {
        "epsilon": 0.1,
        "norm": "linf",
        "steps": 10,
        "step_size": None,
        "schedule": "constant",
        "loss": "cross_entropy",
        "early_stop": True,
        "step_back": 6,
        "random_start": False,
        "restarts": 0,
        "decay": 0.25,
    }
    assert (fallback.attack, fallback.only_unchanged) == ("ifgsm", True)
    assert fallback.params["loss"] == "margin"
    assert fallback.params["steps"] == 5
    assert fallback.params["epsilon"] == 0.1
    assert [stage.attack for stage in run_config(request(fallback=None)).stages] == ["mifgsm"]
    assert run_config(request(fallback="fgsm")).stages[1].params["steps"] == 1


def epsilon(**change: Any) -> float:
    found = run_config(request(**change)).stages[0].params["epsilon"]
    assert isinstance(found, float)
    return found


def test_the_default_epsilon_is_a_share_of_the_bounds() -> None:
    assert epsilon(bounds=(-100.0, 155.0)) == pytest.approx(255 * epsilon())
    assert epsilon(bounds=(0.0, 255.0), params={"epsilon": 8.0}) == 8.0
    in_l2 = epsilon(bounds=(0.0, 255.0), params={"norm": "l2"})
    assert in_l2 == pytest.approx(255 * 1.5)
    assert epsilon(params={"norm": "l2", "epsilon": 3.0}) == 3.0


def test_a_cascade_shares_hyper_parameters_or_not() -> None:
    params = {"steps": 7, "ifgsm.steps": 3, "decay": 0.5, "ifgsm.loss": "margin"}
    stages = run_config(request(attack="mifgsm,ifgsm", fallback=None, params=params)).stages
    assert [(stage.attack, stage.params["steps"], stage.params["loss"]) for stage in stages] == [
        ("mifgsm", 7, "cross_entropy"),
        ("ifgsm", 3, "margin"),
    ]
    assert stages[0].params["decay"] == 0.5
    with_fallback = run_config(request(attack="mifgsm,ifgsm")).stages
    assert [(stage.attack, stage.only_unchanged) for stage in with_fallback] == [
        ("mifgsm", False),
        ("ifgsm", True),
        ("ifgsm", False),
    ]


def test_a_target_is_a_class_or_a_rule() -> None:
    assert run_config(request()).target is None
    assert run_config(request(target="3")).target == 3
    assert run_config(request(target="least-likely")).target == "least-likely"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shards": 0}, "1 shard or more; got 0"),
        ({"limit": 0}, "a limit of 1 image or more; got 0"),
        ({"bounds": (1.0, 0.0)}, "bounds LO below HI"),
        ({"bounds": (0.0, float("inf"))}, "bounds LO below HI"),
        ({"params": {"epsilon": 8.0}}, "epsilon of at most 1, the extent of the bounds 0..1; got 8"),
        ({"params": {"step_size": 2.0}}, "step_size of at most 1"),
        ({"params": {"epsilon": float("nan")}}, "valid epsilon"),
        ({"attack": "nope"}, "choose one of"),
        ({"fallback": "nope"}, "choose one of"),
        ({"attack": "fgsm", "params": {"steps": 3}}, "fgsm with a valid steps"),
        ({"attack": "fgsm", "params": {"decay": 1.0}}, "a hyper-parameter of fgsm; got decay"),
        ({"attack": "fgsm,ifgsm", "params": {"decay": 1.0}}, "a hyper-parameter of one of fgsm, ifgsm; got decay"),
        ({"attack": "fgsm,ifgsm", "params": {"mifgsm.decay": 1.0}}, "'mifgsm' is not among the attacks"),
        ({"attack": "mifgsm,ifgsm,mifgsm"}, "each attack once; got mifgsm twice"),
        ({"attack": "mifgsm,nope"}, "choose one of"),
        ({"target": "-1"}, "a class number, least-likely or random as the target; got '-1'"),
        ({"target": "cat"}, "got 'cat'"),
    ],
)
def test_a_request_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        run_config(request(**change))
    assert said in str(refused.value)


def test_the_batch_gets_smaller_as_images_get_larger() -> None:
    assert default_batch_size((28, 28, 1)) == 64
    assert default_batch_size((32, 32, 3)) == 64
    assert default_batch_size((224, 224, 3)) == 4
    assert default_batch_size((128, 128, 3)) == 16
