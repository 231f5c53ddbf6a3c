"""Who reads next: nobody fills the queue alone, and whoever goes away gives his place back."""

import threading
from contextlib import ExitStack
from queue import SimpleQueue

import pytest

from priorrg.errors import BusyError
from priorrg.reporting.stopping import Stop
from priorrg.ui.queue import Client, ReadingQueue
from priorrg.ui.server.listeners import Listeners

HEAVY, ANNA = Client("10.0.0.1", "program"), Client("10.0.0.2", "browser")


def begun(place):
    """The place has the model now."""
    assert list(place.wait(Stop())) == []
    return place


def test_one_client_with_many_calls_leaves_room_for_everybody_else():
    queue = ReadingQueue(most_waiting=20)
    with ExitStack() as held:
        begun(held.enter_context(queue.place(HEAVY)))
        taken = 0
        with pytest.raises(BusyError, match="5 of your readings wait"):
            for _ in range(45):
                held.enter_context(queue.place(HEAVY))
                taken += 1
        assert taken == 5
        assert held.enter_context(queue.place(ANNA)).before == 1, "only the one that is read"


def test_many_programs_of_one_address_get_half_of_the_queue():
    queue = ReadingQueue(most_waiting=20)
    with ExitStack() as held:
        begun(held.enter_context(queue.place(Client("10.0.0.1", "first"))))
        with pytest.raises(BusyError, match="10 readings from your address"):
            for number in range(45):
                held.enter_context(queue.place(Client("10.0.0.1", f"program {number}")))
        held.enter_context(queue.place(ANNA))


def test_the_model_goes_round_among_addresses_then_among_their_clients():
    queue = ReadingQueue(most_waiting=20)
    with ExitStack() as held:
        begun(held.enter_context(queue.place(HEAVY)))
        names = {}
        for name, client in (
            ("heavy 1", HEAVY),
            ("heavy 2", HEAVY),
            ("beside 1", Client("10.0.0.1", "browser beside it")),
            ("anna 1", ANNA),
            ("anna 2", ANNA),
        ):
            names[held.enter_context(queue.place(client))] = name
        order = [names[place] for place in queue.order()[1:]]
    assert order == ["anna 1", "beside 1", "anna 2", "heavy 1", "heavy 2"]


def test_a_reading_that_has_begun_is_overtaken_by_nobody():
    queue = ReadingQueue(most_waiting=20)
    with queue.place(HEAVY) as first:
        begun(first)
        with queue.place(HEAVY) as second, queue.place(ANNA) as third:
            assert (first.before, third.before, second.before) == (0, 1, 2)


def test_a_call_is_stopped_when_its_stream_ends_before_the_answer():
    listeners = Listeners()
    with listeners.call("session", "event") as stop:
        with listeners.listening("session"):
            assert not stop.is_set()
        assert stop.is_set()


def test_a_call_goes_on_while_one_of_two_streams_is_open():
    listeners = Listeners()
    with listeners.call("session", "event") as stop, listeners.listening("event"):
        with listeners.listening("session"):
            pass
        assert not stop.is_set()


def test_a_call_that_nobody_ever_listens_to_is_stopped():
    listeners = Listeners(unheard_s=0.05)
    with listeners.call("session", "event") as stop:
        assert stop.wait(30)


def test_several_are_read_at_once_and_the_next_is_told_how_many_must_end():
    queue = ReadingQueue(most_waiting=2, at_once=2)  # and so one of an address may wait
    with ExitStack() as held:
        first = begun(held.enter_context(queue.place(HEAVY)))
        second = ExitStack()
        begun(second.enter_context(queue.place(ANNA)))
        third, fourth = (held.enter_context(queue.place(Client(f"10.0.0.{number}"))) for number in (3, 4))
        assert (first.before, third.before, fourth.before, queue.waiting) == (0, 1, 2, 2)
        with pytest.raises(BusyError, match="full: 2 at most"):
            queue.check(Client("10.0.0.5"))
        stop = Stop()
        waits = third.wait(stop)
        assert next(waits) == 1
        second.close()
        assert list(waits) == [], "the one that ended made room"
        assert fourth.before == 1


def test_whoever_stops_is_woken_and_the_next_one_moves_up():
    """Nobody looks again and again: what is not told is not noticed, and this test would not end."""
    queue = ReadingQueue(most_waiting=20)
    stop, said = Stop(), SimpleQueue()

    def wait(client, its_stop):
        with queue.place(client) as place:
            for before in place.wait(its_stop):
                said.put((client, before))
        said.put((client, "over"))

    with ExitStack() as held:
        begun(held.enter_context(queue.place(HEAVY)))
        first, second = Client("10.0.0.3"), Client("10.0.0.4")
        for client, its_stop in ((first, stop), (second, Stop())):
            threading.Thread(target=wait, args=(client, its_stop), daemon=True).start()
            expected = (client, 1 if client is first else 2)
            assert said.get(timeout=60) == expected
        stop.set()
        assert {said.get(timeout=60) for _ in "ab"} == {(first, "over"), (second, 1)}
    assert said.get(timeout=60) == (second, "over"), "its turn came"
