"""Threads of the model: as many as a machine has room for at the start."""

import os

import pytest
import torch

from priorrg.reporting.threads import cores_allowed, cores_of_container, fitting, use_threads


@pytest.mark.parametrize(
    ("most", "load", "cores", "threads"),
    [
        (2, 0.0, 2, 2),
        (2, 0.8, 2, 2),
        (2, 1.1, 2, 1),
        (2, 14.0, 2, 1),
        (8, 12.0, 16, 4),
        (1, 0.0, 2, 1),
        (2, 8.0, 64, 2),
    ],
)
def test_a_busy_machine_gets_fewer_threads_than_an_idle_one(most, load, cores, threads):
    assert fitting(most, load, cores) == threads


def test_a_number_that_was_asked_for_holds_whatever_the_load():
    before = torch.get_num_threads()
    try:
        use_threads(2)
        assert torch.get_num_threads() == 2
        use_threads(0)
        assert 1 <= torch.get_num_threads() <= 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("limit", "cores"), [("200000 100000", 2), ("50000 100000", 0.5), ("max 100000", 16), ("9900000 100000", 16)]
)
def test_a_container_is_lent_no_more_than_its_limit(tmp_path, limit, cores):
    (tmp_path / "cpu.max").write_text(f"{limit}\n", encoding="utf-8")
    assert cores_of_container(tmp_path / "cpu.max", 16) == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux holds a process to some of the cores")
def test_cores_that_the_process_may_not_run_on_do_not_count():
    before = os.sched_getaffinity(0)
    try:
        assert cores_allowed() == len(before)
        os.sched_setaffinity(0, {min(before)})
        assert cores_allowed() == 1
        torch.set_num_threads(2)
        use_threads(0)
        assert torch.get_num_threads() == 1
    finally:
        os.sched_setaffinity(0, before)
        torch.set_num_threads(1)


def test_without_a_container_all_cores_are_there(tmp_path):
    assert cores_of_container(tmp_path / "nothing", 16) == 16
