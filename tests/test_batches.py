"""What several readers wait for at the same moment, computed together: whose fault is whose."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from priorrg.reporting.batches import Batches


def test_one_that_fails_fails_alone_and_the_others_of_its_batch_have_their_results():
    sizes: list[int] = []
    may_go_on, has_begun = threading.Event(), threading.Event()

    def halves(items: Sequence[int]) -> list[float]:
        sizes.append(len(items))
        has_begun.set()
        may_go_on.wait(30)
        return [1 / item for item in items]

    batches = Batches(halves, 8)
    with ThreadPoolExecutor(5) as readers:
        first = readers.submit(batches.of, 2)  # while it is computed the others come and wait
        assert has_begun.wait(30)
        others = [readers.submit(batches.of, item) for item in (4, 0, 5, 10)]
        while len(batches._waiting) < 4:
            pass
        may_go_on.set()
        assert first.result(30) == 0.5
        assert [others[place].result(30) for place in (0, 2, 3)] == [0.25, 0.2, 0.1]
        with pytest.raises(ZeroDivisionError):
            others[1].result(30)
    assert sizes[:2] == [1, 4], "they went together"


def test_where_no_thread_can_be_had_the_next_reader_is_not_left_waiting(monkeypatch):
    def doubles(items: Sequence[int]) -> list[int]:
        return [2 * item for item in items]

    batches = Batches(doubles, 8)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            batches.of(1)
    assert batches.of(21) == 42
