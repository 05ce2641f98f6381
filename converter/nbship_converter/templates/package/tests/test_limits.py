"""A machine that is too small is told before the work begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from notebook_package.limits import available_memory, has_gpu, warn_of_limits


def test_the_smaller_of_free_memory_and_the_containers_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4096 kB\n")
    assert available_memory(tmp_path) == 4096 * 1024
    limit = tmp_path / "sys" / "fs" / "cgroup" / "memory.max"
    limit.parent.mkdir(parents=True)
    limit.write_text("1048576\n")
    assert available_memory(tmp_path) == 1048576
    limit.write_text("max\n")
    assert available_memory(tmp_path) == 4096 * 1024
    assert available_memory(tmp_path / "elsewhere") is None


def test_what_is_missing_is_told_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_limits(memory_gib=1_000_000, gpu="no_such_library")
    memory, gpu = caplog.messages
    assert "1000000 GiB" in memory
    assert "no_such_library finds none" in gpu
    assert all("help: train on a sample" in message for message in caplog.messages)


def test_nothing_is_told_where_nothing_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_limits()
    assert caplog.messages == []
    assert not has_gpu("no_such_library")
