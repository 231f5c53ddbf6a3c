"""The protocol of a feedback session: one YAML file that says who reads which cases how, and what is asked.

Read here and checked, with messages that name the line. What the words mean is in docs/sessions.md; the cases that it
names are read in cases.py, the order that it asks for is made in plan.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from priorrg import texts
from priorrg.errors import SessionError
from priorrg.sessions.judging import QUESTIONS, Judging, Key, Question, Strict

SHOWABLE = ("draft", "tags", "dots", "overlays", "weights")
Pseudonym = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,20}$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


class Arm(Strict):
    """What a reader is given beside the images.

    report: `none` (write from scratch), `draft` or `refined` (of the model), `reference` (a person's), `planted` (the
    reference with planted errors), or `other:NAME` for the column `report:NAME` of the cases.
    has_prior, has_context: what the model is given of the case; the reader sees all of it.
    weights: folder or hub repository; empty: the embedded ones. beams: None as the weights say.
    show: of SHOWABLE; all of it betrays an arm, so nothing by default.
    """

    name: Name
    report: str = Field("refined", pattern=r"^(none|draft|refined|reference|planted|other:[A-Za-z0-9_-]{1,40})$")
    has_prior: bool = Field(True, alias="prior")
    has_context: bool = Field(True, alias="context")
    weights: str = ""
    beams: int | None = Field(None, ge=1, le=10)
    show: tuple[Literal["draft", "tags", "dots", "overlays", "weights"], ...] = ()

    @property
    def is_model(self) -> bool:
        return self.report in ("draft", "refined")

    @model_validator(mode="after")
    def _fits(self) -> Arm:
        if self.show and not self.is_model:
            raise ValueError(f"arm {self.name}: what is shown of a model goes with report: draft or refined alone")
        return self


class Order(Strict):
    """seed: of every shuffle. cases: `shuffled` for each reader, or `fixed` as they stand in the file.

    design: `latin` (each case once a reader, in one arm, by a Latin square over readers and arms), `each` (each case in
    every arm, one after the other), `crossover` (each case in every arm, one arm a visit).
    """

    seed: int = 1
    cases: Literal["shuffled", "fixed"] = "shuffled"
    design: Literal["latin", "each", "crossover"] = "latin"


class Protocol(Strict):
    """A whole protocol; see docs/sessions.md. pairs: which arms are compared, all pairs where it names none.

    readers: pseudonyms. practice: ids of cases that come first, with the answer shown, and count for nothing.
    repeats: how many cases a reader is shown once more at the end. washout_days: between visits, and before repeats.
    own_findings_first: the reader's own findings are taken before a text is shown. mark_sentences: of two reports that
    are compared each is marked sentence by sentence too. live: a report is written when a reader opens its case.
    """

    title: str = Field(min_length=1)
    kind: Literal["score", "compare", "assist", "detect"]
    instructions: str = Field(min_length=1)
    consent: str = Field(min_length=1)
    cases: str
    readers: tuple[Pseudonym, ...] = Field(min_length=1)
    arms: tuple[Arm, ...] = Field(min_length=1)
    pairs: tuple[tuple[str, str], ...] = ()
    order: Order = Order()
    judging: Judging = Judging()
    questions: tuple[Question, ...] = ()
    practice: tuple[str, ...] = ()
    repeats: int = Field(0, ge=0)
    washout_days: int = Field(0, ge=0)
    may_go_back: bool = True
    own_findings_first: bool = False
    mark_sentences: bool = False
    live: bool = False
    skip_reasons: dict[Key, str] = texts.sessions.SKIP_REASONS

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, given: Any) -> Any:
        """A number of readers names them R1, R2, ...; a kind brings its own questions."""
        if isinstance(given, dict):
            given = dict(given)
            count = given.get("readers")
            if isinstance(count, int) and not isinstance(count, bool):
                if not 1 <= count <= 500:
                    raise ValueError(f"readers is {count}: give 1 to 500, or a list of pseudonyms")
                given["readers"] = [f"R{number}" for number in range(1, count + 1)]
            if "questions" not in given and given.get("kind") in QUESTIONS:
                given["questions"] = QUESTIONS[given["kind"]]
        return given

    @model_validator(mode="after")
    def _holds_together(self) -> Protocol:
        for what, names in (
            ("readers", self.readers),
            ("arms", [arm.name for arm in self.arms]),
            ("questions", [question.id for question in self.questions]),
            ("practice", self.practice),
        ):
            twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
            if twice is not None:
                raise ValueError(f"{what}: {twice} stands there twice")
        known = [arm.name for arm in self.arms]
        unknown = next((name for pair in self.pairs for name in pair if name not in known), None)
        if unknown is not None:
            raise ValueError(f"pairs: {unknown} is no arm; the arms are {', '.join(known)}")
        self._check_kind()
        return self

    def _check_kind(self) -> None:
        reports = [arm.report for arm in self.arms]
        if self.kind == "compare" and len(self.arms) < 2:
            raise ValueError("arms: a comparison needs two of them")
        if self.kind in ("score", "compare", "detect") and "none" in reports:
            raise ValueError(f"arms: report: none leaves nothing to judge in a session of kind {self.kind}")
        if self.kind == "detect" and "planted" not in reports:
            raise ValueError("arms: a session of kind detect needs one with report: planted")
        if self.pairs and self.kind != "compare":
            raise ValueError("pairs: they go with kind: compare alone")
        if self.mark_sentences and self.kind == "assist":
            raise ValueError("mark_sentences: in a session of kind assist the report itself is written")
        if self.order.design == "crossover" and self.kind == "compare":
            raise ValueError("order: a comparison shows both arms at once and knows no crossover")

    @property
    def judges_sentences(self) -> bool:
        """Whether sentences are judged one by one, and missed findings added."""
        return self.kind in ("score", "detect") or self.mark_sentences

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def compared(self) -> tuple[tuple[str, str], ...]:
        """The pairs of arms that are shown side by side; none unless the kind is `compare`."""
        if self.kind != "compare":
            return ()
        names = [arm.name for arm in self.arms]
        return self.pairs or tuple((a, b) for place, a in enumerate(names) for b in names[place + 1 :])


def read_protocol(path: str | Path) -> Protocol:
    """The protocol in a file. Raises SessionError that names file and line of everything that is wrong."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise SessionError(
            f"The protocol {path} cannot be read: {why}. Make one with `priorrg session new`."
        ) from error
    return parse_protocol(text, str(path))


def parse_protocol(text: str, name: str = "protocol") -> Protocol:
    """The same from text. name: what messages call it."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SessionError(f"{name}{where}: this is no YAML ({getattr(error, 'problem', error)}).") from error
    if not isinstance(given, dict) or tree is None:
        raise SessionError(f"{name}, line 1: a protocol is a list of `key: value` lines that begins with title.")
    twice = next(_twice(tree), None)
    if twice is not None:
        raise SessionError(f"{name}, line {twice.start_mark.line + 1}: {twice.value} stands there twice. Keep one.")
    try:
        return Protocol.model_validate(given)
    except ValidationError as error:
        raise SessionError("\n".join(_sentences(error, tree, name))) from None


def protocol_digest(text: str) -> str:
    """Names the wording under which an answer was given."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _twice(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Keys that YAML would silently take the last of."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                yield key
            seen.add(key.value)
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value)


def _sentences(error: ValidationError, tree: yaml.Node, name: str) -> Iterator[str]:
    for one in error.errors():
        node = _node(tree, one["loc"], str(one.get("ctx", {}).get("error", "")))
        key = ".".join(str(part) for part in one["loc"])
        match one["type"]:
            case "extra_forbidden":
                said = f"{key} is no key of a protocol. Take it out, or see docs/sessions.md for those there are"
            case "missing":
                said = f"{key} is missing. Add it"
            case "value_error":
                said = str(one.get("ctx", {})["error"])
            case _:
                said = f"{key} is {one['input']!r}: {one['msg'][:1].lower()}{one['msg'][1:]}"
        yield f"{name}, line {node.start_mark.line + 1}: {said}."


def _node(tree: yaml.Node, path: tuple[int | str, ...], said: str) -> yaml.Node:
    """The deepest node on the path that is there. What is said of the whole begins with the key that it is about."""
    path = path or (said.split(" ")[0].rstrip(":"),)
    node = tree
    for part in path:
        below = None
        if isinstance(node, yaml.MappingNode):
            below = next((pair for pair in node.value if pair[0].value == str(part)), None)
            if below is not None and part == path[-1]:
                return below[0]  # the key's own line
            below = below and below[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            below = node.value[part]
        if below is None:
            break
        node = below
    return node
