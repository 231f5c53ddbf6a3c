"""What the server holds for a browser tab, and only for as long as the tab is open."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from priorrg import texts
from priorrg.errors import BusyError
from priorrg.explain.knowledge import Knowledge
from priorrg.explain.overlays import Overlay
from priorrg.feedback.store import SentenceMark
from priorrg.imaging.pairs import Remark
from priorrg.report.sentences import EditedSentence, edited_text
from priorrg.reporting.events import ReportDone
from priorrg.reporting.stopping import Stop
from priorrg.study import ClinicalContext, Radiograph, Study
from priorrg.ui.longer import Before
from priorrg.ui.queue import Client
from priorrg.ui.server import metrics

CONNECTS_WITHIN_S = 60  # a page that loads, before its connection stands


@dataclass(eq=False)
class Run:
    """One press of Generate: the study as it was then, and the way to stop it, also while it waits for its turn.

    told: what stands round its report: draft_note, context_note and received of report_payload. before: the report that
    it writes on; None where it writes a new one.
    """

    study: Study
    told: dict[str, Any] = field(default_factory=dict)
    before: Before | None = None
    stop: Stop = field(default_factory=Stop)
    is_waiting: bool = False
    has_begun: bool = False
    key: str = field(default_factory=lambda: secrets.token_hex(4))


@dataclass(eq=False)
class Comparison:
    """The four readings of a finished report's study, on their way. readings: those of its session."""

    readings: dict[str, ReportDone] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)


@dataclass(eq=False)
class Others:
    """The readings of the switch, on their way. asked: which of them the reader waits for, empty for none.

    stop: set also where they give way to somebody else's reading; is_over: nobody wants them any more.
    """

    asked: str = ""
    stop: Stop = field(default_factory=Stop)
    is_over: bool = False

    def end(self) -> None:
        self.is_over = True
        self.stop.set()


class Form(BaseModel):
    """What stands in the page's boxes, as the reader left it. rating: 0 while none is chosen."""

    model_config = ConfigDict(extra="forbid")

    indication: str = ""
    history: str = ""
    comment: str = ""
    corrected: str = ""
    unsent: str = ""
    rating: int = 0


@dataclass
class Session:
    """Images of one tab and, once Generate was pressed, what came of it.

    run: the press whose words may be shown; None or another one takes the page away from a run that still writes.
    submissions: of feedback on this report; sent: the number of the last of them, commented: its comment; is_changing:
    whether the form is open to change it. offered: the report that the correction began with. edits: the reader's
    sentences, empty while nothing was edited; mirrored: what of them the correction took over. unsent: what was edited
    in reports that are gone and never sent. readings: the report's study, read with something else given than it was
    (readings.py, switch.py); traced: their overlays, by reading and method. fingerprints: of every image held,
    replaced ones too. token: what the viewer shows to be given pixels; nobody can guess it.
    """

    client: Client = field(default_factory=Client)  # whose it is
    current: Radiograph | None = None
    prior: Radiograph | None = None
    run: Run | None = None
    draft: str = ""
    report: ReportDone | None = None
    overlays: dict[str, list[Overlay]] = field(default_factory=dict)
    knowledge: list[Knowledge] = field(default_factory=list)  # a sentence each, once it was asked for
    typed: dict[str, Overlay] = field(default_factory=dict)  # of the reader's own sentences, by their text
    marks: dict[int, SentenceMark] = field(default_factory=dict)
    submissions: int = 0
    sent: int | None = None
    is_changing: bool = False
    commented: str = ""
    offered: str = ""
    edits: tuple[EditedSentence, ...] = ()
    mirrored: str = ""
    unsent: list[str] = field(default_factory=list)
    readings: dict[str, ReportDone] = field(default_factory=dict)
    traced: dict[tuple[str, str], list[Overlay]] = field(default_factory=dict)
    comparison: Comparison | None = None
    others: Others | None = None
    fingerprints: set[str] = field(default_factory=set)
    method: str = ""  # which overlays the reader wants to see
    tracing: threading.Event | None = None  # stops the overlays that are being computed
    latest: dict[str, int] = field(default_factory=dict)  # the page's highest message number of edits and of marks
    left_at: float | None = None  # when the page's connection broke, until something is heard of it again
    example: ClinicalContext | None = None  # of the example study whose images are on the page
    example_shows: tuple[str, dict[str, str]] | None = None  # what is to be seen in that example (examples.py)
    arrival: tuple[Remark, ...] = ()  # how these images were chosen out of several files
    views: dict[str, str] = field(default_factory=dict)  # view positions that the reader chose
    measures: dict[str, str] = field(default_factory=dict)  # of each side, what exports shall say was measured on it
    has_ended: bool = False
    used: float = field(default_factory=time.monotonic)
    lock: threading.RLock = field(default_factory=threading.RLock)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    tab: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)  # by which a tab finds it again
    form: Form = field(default_factory=Form, repr=False)

    def put(self, side: str, radiograph: Radiograph | None) -> None:
        """A new image (or none) at `current` or `prior`: the report of the old one goes."""
        with self.lock:
            self.begin(None)
            self.arrival, self.example_shows = (), None
            self.views.pop(side, None)
            self.measures.pop(side, None)
            setattr(self, side, radiograph)
            if radiograph is not None:
                self.fingerprints.add(radiograph.fingerprint)

    def correct(self, side: str, radiograph: Radiograph) -> None:
        """The same image at `current` or `prior`, turned or through another window: the report of it as it was goes.

        What was said of it stays: the view position that the reader chose, and how it came here.
        """
        with self.lock:
            self.begin(None)
            self.measures.pop(side, None)  # of the film as it lay before
            setattr(self, side, radiograph)
            self.fingerprints.add(radiograph.fingerprint)

    @property
    def is_empty(self) -> bool:
        """Whether there is no image."""
        return self.current is None and self.prior is None

    def leave_example(self) -> ClinicalContext | None:
        """Take the images of an example study off the page before an image of the reader's own comes.

        Gives the example's context, None where there was no example. Its other image would be compared with that of
        another person.
        """
        with self.lock:
            example, self.example = self.example, None
            if example is not None:
                self.put("current", None)
                self.put("prior", None)
            return example

    def exchange(self) -> None:
        """The prior becomes the current image and the other way round: the report of the old order goes."""
        with self.lock:
            self.begin(None)
            self.arrival, self.example_shows = (), None
            self.current, self.prior = self.prior, self.current
            other = {"current": "prior", "prior": "current"}
            self.views = {other[side]: view for side, view in self.views.items()}
            self.measures = {other[side]: said for side, said in self.measures.items()}

    def begin(self, run: Run | None) -> None:
        """Make `run` the one whose words are shown, without a report yet. What ran before stops."""
        with self.lock:
            if self.run is not None:
                self.run.stop.set()
            if self.comparison is not None:
                self.comparison.stop.set()
            if self.others is not None:
                self.others.end()
            if self.tracing is not None:
                self.tracing.set()
            edited = self.edited_text
            if edited is not None and edited not in (self.mirrored, self.offered):
                self.unsent.append(edited)
            self.run, self.report, self.draft = run, None, ""
            self.edits, self.mirrored = (), ""
            self.comparison, self.others, self.readings, self.traced = None, None, {}, {}
            self.knowledge = []
            self.overlays, self.typed, self.marks, self.submissions = {}, {}, {}, 0
            self.sent, self.is_changing = None, False

    def measured(self) -> dict[str, str]:
        """What was measured on the images of the report, current first."""
        with self.lock:
            return {side: self.measures[side] for side in ("current", "prior") if self.measures.get(side)}

    @property
    def edited_text(self) -> str | None:
        """The report as the reader left it; None where no human has changed a word of it."""
        return edited_text(self.report.sentences, self.edits) if self.report else None

    def is_news(self, what: str, number: int | None) -> bool:
        """Whether a message of the page is the latest of its kind; they may overtake each other. None always is."""
        with self.lock:
            if number is None:
                return True
            if number <= self.latest.get(what, -1):
                return False
            self.latest[what] = number
            return True

    def shows(self, radiograph: Radiograph) -> bool:
        """Whether this image is on the page, of a session that has not ended."""
        return not self.has_ended and any(
            image is not None and image.fingerprint == radiograph.fingerprint for image in (self.current, self.prior)
        )

    def shows_pair(self, current: Radiograph, prior: Radiograph | None) -> bool:
        """Whether these two, and in this order, are the images on the page, of a session that has not ended."""
        with self.lock:
            shown = [image and image.fingerprint for image in (self.current, self.prior)]
            return not self.has_ended and shown == [current.fingerprint, prior and prior.fingerprint]

    def take_report(self, run: Run, draft: str, report: ReportDone) -> bool:
        """Take the report of `run`; False where the page has gone on to something else."""
        with self.lock:
            if self.run is not run:
                return False
            self.draft, self.report = draft, report
            return True


class Sessions:
    """Sessions by Gradio's session hash. Ending one drops its images here and their features in the reader."""

    def __init__(
        self,
        forget: Callable[[list[str]], None],
        idle_seconds: float,
        grace_seconds: float = 1800,
        most: int = 100,
        is_present: Callable[[str], bool] = lambda key: True,
    ):
        """grace_seconds: how long a tab whose connection broke may stay away. most: sessions at once; half of them of
        one address or login, a fifth of one client. is_present: whether the tab of that key is connected."""
        self._most = most
        self._is_present = is_present
        self._forget = forget
        self._idle_seconds = idle_seconds
        self._grace_seconds = grace_seconds
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def of(self, key: str, client: Client | None = None) -> Session:
        """The tab's session, a new one if there is none. client: whose a new one is.

        Raises BusyError where there is none and no more may be; tabs that are gone make room first.
        """
        while (full := self._full(key, client or Client())) is not None:
            gone = [one for one in full if self._is_gone(one)]
            if not gone:
                metrics.refused("sessions")
                raise BusyError(texts.server.SESSIONS_FULL.format(count=self._most))
            self.end(min(gone, key=lambda one: one[1].used)[0])
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                session = self._sessions[key] = Session(client or Client())
            session.used, session.left_at = time.monotonic(), None
            return session

    def with_tab(self, tab: str, client: Client) -> Session | None:
        """This client's session that its tab knows by that key, None where it has ended."""
        found = self._named(tab, client)
        if found is None:
            return None
        found[1].used, found[1].left_at = time.monotonic(), None
        return found[1]

    def resume(self, key: str, tab: str, client: Client) -> Session | None:
        """Let the page `key` go on with the session that its tab had before it was loaded anew; None as above."""
        found = self._named(tab, client)
        if found is None:
            return None
        before, session = found
        with self._lock:
            if self._sessions.get(before) is not session:  # it ended just now
                return None
            del self._sessions[before]
            self._sessions[key] = session
            session.used, session.left_at = time.monotonic(), None
        return session

    def _named(self, tab: str, client: Client) -> tuple[str, Session] | None:
        with self._lock:
            own = [one for one in self._sessions.items() if one[1].client == client]
        return next((one for one in own if secrets.compare_digest(one[1].tab.encode(), tab.encode())), None)

    def _full(self, key: str, client: Client) -> list[tuple[str, Session]] | None:
        """The sessions that stand in the way of a new one; None where it may be, or is there already."""
        with self._lock:
            if key in self._sessions:
                return None
            everybody = list(self._sessions.items())
        group = [one for one in everybody if one[1].client.group == client.group]
        own = [one for one in group if one[1].client == client]
        for sessions, most in ((own, self._most // 5), (group, self._most // 2), (everybody, self._most)):
            if len(sessions) >= max(1, most):
                return sessions
        return None

    def _is_gone(self, one: tuple[str, Session]) -> bool:
        key, session = one
        is_silent = time.monotonic() - session.used > CONNECTS_WITHIN_S
        return session.left_at is not None or (is_silent and not self._is_present(key))

    def end_of(self, owner: str) -> None:
        """End all sessions of one client, who has logged out."""
        with self._lock:
            own = [key for key, session in self._sessions.items() if session.client.owner == owner]
        for key in own:
            self.end(key)

    def with_token(self, token: str) -> Session | None:
        """The session that gave out this token, None where it has ended."""
        with self._lock:
            sessions = list(self._sessions.values())
        return next((one for one in sessions if secrets.compare_digest(one.token.encode(), token.encode())), None)

    def end(self, key: str) -> None:
        """Stop what still runs and forget everything of this tab."""
        with self._lock:
            session = self._sessions.pop(key, None)
            held = {print_ for other in self._sessions.values() for print_ in other.fingerprints}
        if session is None:
            return
        session.has_ended = True
        session.put("current", None)
        session.put("prior", None)
        self._forget(sorted(session.fingerprints - held))

    def leave(self, key: str) -> None:
        """The connection of a tab broke: it was closed, or a laptop sleeps. Soon its session ends, unless heard of."""
        with self._lock:
            session = self._sessions.get(key)
        if session is not None:
            session.left_at = time.monotonic()
            if session.run is not None and session.report is None:
                session.run.stop.set()  # nobody sees the words that would still come
            for still_runs in (session.tracing, session.comparison and session.comparison.stop):
                if still_runs is not None:
                    still_runs.set()
            if session.others is not None:
                session.others.end()

    def end_idle(self) -> None:
        """End the sessions that have done nothing for longer than they may, and those whose tab is gone."""
        now = time.monotonic()
        with self._lock:
            over = [
                key
                for key, session in self._sessions.items()
                if now - session.used > self._idle_seconds
                or (session.left_at is not None and now - session.left_at > self._grace_seconds)
            ]
        for key in over:
            self.end(key)

    def watch(self) -> None:
        """End idle sessions from now on, also on a server where nobody presses anything."""
        every_seconds = min(10, self._grace_seconds / 2)

        def sweep() -> None:
            while True:
                time.sleep(every_seconds)
                self.end_idle()

        threading.Thread(target=sweep, name="idle sessions", daemon=True).start()

    def __len__(self) -> int:
        return len(self._sessions)
