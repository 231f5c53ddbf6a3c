"""A study read until its report ends by itself, over the limit of tokens that these weights have."""

import threading
from collections.abc import Iterator

from priorrg.reporting.events import Event, ReportDone, ReportWord
from priorrg.reporting.reporter import Reporter
from priorrg.study import Study


def stream_to_the_end(
    reporter: Reporter, study: Study, stop: threading.Event | None = None, num_beams: int | None = None
) -> Iterator[Event]:
    """The events of Reporter.stream; a report that ended at its limit is written on, as often as there is room."""
    begun: tuple[int, ...] = ()
    while True:
        is_longer = False
        for event in reporter.stream(study, stop, num_beams, with_draft=not begun, begun=begun):
            if isinstance(event, ReportDone) and event.can_go_on:
                begun, is_longer = event.tokens, True
                yield ReportWord(event.text)
            else:
                yield event
        if not is_longer:
            return
