from __future__ import annotations

import os
import subprocess
import sys

from tests.processes import ROOT

_ASK = (
    "conf = app.conf; print(conf.broker_url, conf.task_default_queue.split('.')[1], conf.worker_max_memory_per_child)"
)


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_import_reads_no_environment() -> None:
    """What is set between the import and the first use counts, and a value that does not fit harms no import."""
    code = "import os, tasks.app, tasks.shard, tasks.reduce, tasks.session, tasks.failures, tasks.probe; "
    code += "from tasks.app import app; os.environ['ADVSHARD_MAX_MEMORY'] = '1024'; " + _ASK
    done = python(code, ADVSHARD_MAX_MEMORY="much", ADVSHARD_BROKER_URL="redis://host/3", ADVSHARD_QUEUES="gpu,default")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["redis://host/3", "gpu", "1000000"]


def test_the_configuration_is_refused_where_a_value_does_not_fit() -> None:
    done = python("from tasks.app import app; " + _ASK, ADVSHARD_MAX_MEMORY="much")
    assert done.returncode != 0
    assert "a value for ADVSHARD_MAX_MEMORY that fits; got 'much'" in done.stderr.splitlines()[-1]
