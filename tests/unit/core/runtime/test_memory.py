from __future__ import annotations

from pathlib import Path

from core.runtime.memory import Memory, memory

MEMINFO = "MemTotal:       8000 kB\nMemFree: 1 kB\nMemAvailable:    5000 kB\nHugePages_Total:       0\n"


def machine(root: Path, cgroup: str, files: dict[str, str]) -> Path:
    for name, content in {"proc/meminfo": MEMINFO, "proc/self/cgroup": cgroup, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def test_a_machine_without_a_limit(tmp_path: Path) -> None:
    root = machine(tmp_path, "0::/user.slice\n", {"sys/fs/cgroup/user.slice/memory.max": "max\n"})
    assert memory(root) == Memory(8_192_000, 5_120_000, limited=False)


def test_the_limit_of_a_container(tmp_path: Path) -> None:
    files = {"sys/fs/cgroup/memory.max": "4096000\n", "sys/fs/cgroup/memory.current": "1000000\n"}
    assert memory(machine(tmp_path, "0::/\n", files)) == Memory(4_096_000, 3_096_000, limited=True)


def test_the_limit_of_a_group_above(tmp_path: Path) -> None:
    files = {
        "sys/fs/cgroup/a/memory.max": "3000000",
        "sys/fs/cgroup/a/memory.current": "2999999",
        "sys/fs/cgroup/a/b/memory.max": "max",
        "sys/fs/cgroup/a/b/memory.current": "5",
    }
    assert memory(machine(tmp_path, "0::/a/b\n", files)) == Memory(3_000_000, 1, limited=True)


def test_version_1_of_control_groups(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/memory/box"
    files = {f"{group}/memory.limit_in_bytes": "2000000", f"{group}/memory.usage_in_bytes": "500000"}
    assert memory(machine(tmp_path, "3:cpu:/\n4:memory:/box\n", files)) == Memory(2_000_000, 1_500_000, limited=True)
    (tmp_path / group / "memory.limit_in_bytes").write_text("9223372036854771712")
    assert memory(tmp_path) == Memory(8_192_000, 5_120_000, limited=False)


def test_a_system_that_does_not_say(tmp_path: Path) -> None:
    assert memory(tmp_path) is None
