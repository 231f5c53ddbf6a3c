"""Writes the findings of a simulated study from its truth, its prior's truth and its context.

Order: what was asked, lines and tubes, lungs, pleura, heart, ribs, a closing line. The image decides what is said, the
prior how it is compared, the context what must be answered, whose tip is described and what an opacity
or a nodule is taken for. What is absent is denied where it was asked for, and pneumothorax where a line, a drain or a
broken rib could have made one; the rest of a normal chest is one closing line. Without a prior no sentence compares.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence

from priorrg.study import ClinicalContext
from train.simulate.context import read_context, write_context
from train.simulate.truth import DEVICES, FINDINGS, Device, Finding, StudyTruth, change_of, same_place

__all__ = ["tip_range", "write_context", "write_report"]

_GRADES = {
    # As many wordings for each grade: greedy reading would prefer a grade that has one wording to one that has two.
    "effusion": (("small", "tiny"), ("moderate", "medium-sized"), ("large", "sizable")),
    "pneumothorax": (("small", "tiny"), ("moderate", "medium-sized"), ("large", "sizable")),
    "opacity": (("mild", "subtle"), ("moderate", "intermediate"), ("extensive", "dense")),
    "atelectasis": (("mild", "minor"), ("moderate", "intermediate"), ("marked", "pronounced")),
    "edema": (("mild",), ("moderate",), ("severe",)),
    "cardiomegaly": (("mild",), ("moderate",), ("severe",)),
    "hyperinflation": (("mild",), ("moderate",), ("severe",)),
}
# Change -> what may stand behind a finding, and what in front of it.
_BEHIND = {
    "new": ("new since the prior study", "new", "not seen before", "which is new"),
    "larger": ("increased", "larger than before", "worse than on the prior study", "increased in the interval"),
    "unchanged": ("unchanged", "stable", "similar to before", "unchanged since the prior study"),
    "smaller": ("decreased", "smaller than before", "improved since the prior study", "decreased in the interval"),
}
_FRONT = {
    "new": ("new", "interval development of"),
    "larger": ("increased", "interval worsening of"),
    "unchanged": ("unchanged", "stable"),
    "smaller": ("decreased", "interval improvement of"),
}
_DECIDING = re.compile(
    r"\b(?:new|not seen before|development|increased|larger|worse|worsening|unchanged|stable|similar|decreased|smaller"
    r"|improved|improvement|resolved|resolution|no longer|removed|removal|repositioned"
    r"|\d+ cm above|right main bronchus|superior vena cava|cavoatrial|right atrium|stomach|esophagus|apex|base"
    rf"|{'|'.join(sorted({word for grades in _GRADES.values() for words in grades for word in words}))})\b",
    re.IGNORECASE,
)
_SECTIONS = (
    ("edema", "opacity", "atelectasis", "nodule", "hyperinflation"),
    ("effusion", "pneumothorax"),
    ("cardiomegaly",),
    ("fracture",),
)
_NAMES = {
    "effusion": ("pleural effusion",),
    "pneumothorax": ("pneumothorax",),
    "opacity": ("consolidation", "airspace opacity"),
    "atelectasis": ("atelectasis",),
    "edema": ("pulmonary edema",),
    "nodule": ("pulmonary nodule",),
    "cardiomegaly": ("cardiomegaly",),
    "hyperinflation": ("hyperinflation",),
    "fracture": ("rib fracture",),
}
_DENIALS = ("No {}.", "There is no {}.", "No evidence of {}.", "No {} is seen.")
_WIRES = "Median sternotomy wires are present"
_MAY_CAUSE_PNEUMOTHORAX = ("central venous catheter", "chest drain", "pacemaker")
_ALL_NORMAL = (
    "No acute cardiopulmonary abnormality.",
    "Normal chest radiograph.",
    "The chest radiograph is normal.",
    "No acute abnormality.",
)
_REST_NORMAL = (
    "No other acute abnormality.",
    "Otherwise unremarkable.",
    "The remainder of the chest is unremarkable.",
    "Nothing else of note.",
)


def write_report(current: StudyTruth, prior: StudyTruth | None, context: ClinicalContext, rng: random.Random) -> str:
    """The findings section, 3 to 95 words, plain ASCII, one fact a sentence."""
    return " ".join(_Writer(current, prior, context, rng).sentences())


def deciding_words(report: str) -> list[tuple[int, int]]:
    """Where the words stand (begin, end) that say how much of something there is, how it changed, where a tip lies."""
    return [found.span() for found in _DECIDING.finditer(report)]


# Where a tip lies, by device: the least height (cm, as Device.tip_cm) of which it is said, from the highest down.
_TIPS = {
    "endotracheal tube": ((0.0, "so many cm above the carina"), (-math.inf, "in the right main bronchus")),
    "central venous catheter": (
        (1.0, "in the superior vena cava"),
        (-1.0, "at the cavoatrial junction"),
        (-math.inf, "in the right atrium"),
    ),
    "chest drain": ((8.0, "at the apex"), (-math.inf, "at the base")),
    "nasogastric tube": ((0.0, "in the stomach"), (-math.inf, "in the esophagus and should be advanced")),
}


class _Writer:
    def __init__(
        self, current: StudyTruth, prior: StudyTruth | None, context: ClinicalContext, rng: random.Random
    ) -> None:
        self.current, self.prior, self.rng = current, prior, rng
        reading = read_context(context)
        self.asked, self.settings = reading.asked, reading.settings

    def pick(self, wordings: Sequence[str]) -> str:
        """One of several wordings, the first one mostly.

        Reports are read out greedily, word by word: were all wordings alike, a finding that can begin in twenty ways
        would lose against a closing line that begins in one, though it is the likelier thing to say.
        """
        return self.rng.choices(wordings, [3.0, *[1.0] * (len(wordings) - 1)])[0]

    def sentences(self) -> list[str]:
        text: list[str] = []
        for topic in self.asked:
            text += self._device_sentences(topic, True) if topic in DEVICES else self._topic(topic, answer=True)
        for name in DEVICES:
            if name not in self.asked:
                text += self._device_sentences(name, False)
        for section in _SECTIONS:
            for name in section:
                if name not in self.asked:
                    text += self._topic(name, answer=False)
            if section[0] == "effusion":
                text += self._no_pneumothorax()
        text.append(self.pick(_REST_NORMAL if text else _ALL_NORMAL))
        return text

    def _topic(self, name: str, answer: bool) -> list[str]:
        """Sentences on one kind of finding: what is there, what has gone, and a denial where it was asked for."""
        keys = sorted({f.key for f in self.current.findings if f.name == name})
        gone = sorted({f.key for f in self.prior.findings if f.name == name} - set(keys)) if self.prior else []
        text = [s for key in self._merged(keys) for s in self._finding(key)]
        text += [self._resolved(key) for key in gone]
        if answer and not keys:
            text.insert(0, self._denial(name))
        return text

    def _denial(self, name: str) -> str:
        if name == "cardiomegaly" and self.rng.random() < 0.6:
            return self.pick(("Heart size is normal.", "The heart is normal in size.", "Normal heart size."))
        return self.pick(_DENIALS).format(self.pick(_NAMES[name]))

    def _no_pneumothorax(self) -> list[str]:
        """Denied unasked where something on this film could have made one; it has its own sentence if one has gone."""
        risky = any(self.current.device(name) for name in _MAY_CAUSE_PNEUMOTHORAX)
        risky = risky or any(f.name == "fracture" for f in self.current.findings)
        spoken_of = "pneumothorax" in self.asked or self._shown("pneumothorax", self.current, self.prior)
        return [self._denial("pneumothorax")] if risky and not spoken_of else []

    def _shown(self, name: str, *studies: StudyTruth | None) -> bool:
        return any(f.name == name for study in studies if study for f in study.findings)

    def _merged(self, keys: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
        """Both sides in one sentence where they are alike in every word."""
        if len(keys) == 2 and keys[0][0] in ("effusion", "atelectasis"):
            pair = [self.current.finding(key) for key in keys]
            same = pair[0] is not None and pair[1] is not None and pair[0].severity == pair[1].severity
            if same and self._change(keys[0]) == self._change(keys[1]):
                return [(keys[0][0], "bilateral", "")]
        return keys

    def _change(self, key: tuple[str, str, str]) -> str | None:
        if self.prior is None:
            return None
        return change_of(self.current.finding(key), self.prior.finding(key))

    def _finding(self, key: tuple[str, str, str]) -> list[str]:
        name, side, _ = key
        source = (name, "left", "") if side == "bilateral" else key
        finding = self.current.finding(source)
        assert finding is not None
        change = self._change(source)
        is_minor = name == "atelectasis" and finding.severity == 1 and change in (None, "unchanged")
        if is_minor and self.asked and name not in self.asked:
            return []  # of no interest to whoever asked for something else
        body = _BODIES[name](self, finding, side)
        if change is not None and self.rng.random() < 0.2:
            return [_capital(f"{self.pick(_FRONT[change])} {body}.")]
        if change is not None:
            body += ", " + self.pick(_BEHIND[change])
        # A lead takes no article before a plural or a mass noun.
        has_plural = side == "bilateral" or name in ("atelectasis", "edema", "cardiomegaly", "hyperinflation")
        article = "" if has_plural else "an " if body[0] in "aeiou" else "a "
        lead = self.pick(("", "there is {}", "again " if change == "unchanged" else ""))
        verb = "there are " if side == "bilateral" and name == "effusion" else "there is "
        if lead == "there is {}":
            body = verb + article + body
        return [_capital(f"{lead if lead == 'again ' else ''}{body}.")]

    def _resolved(self, key: tuple[str, str, str]) -> str:
        name, side, zone = key
        place = f"{side} " if side else ""
        if zone:
            place = f"{side} {zone} zone "
        thing = {"nodule": "nodule", "opacity": "opacity", "cardiomegaly": "cardiac enlargement"}.get(
            name, _NAMES[name][0]
        )
        wording = (
            "The {} has resolved.",
            "The {} seen on the prior study is no longer present.",
            "Interval resolution of the {}.",
            "The previously seen {} has resolved.",
        )
        return self.pick(wording).format(f"{place}{thing}")

    def _device_sentences(self, name: str, asked: bool) -> list[str]:
        device = self.current.device(name)
        before = self.prior.device(name) if self.prior else None
        if device is None:
            if before is not None:
                removed = ("The {} has been removed.", "Interval removal of the {}.")
                return [self.pick(removed).format(name)]
            return [self.pick(("No {} is seen.", "There is no {}.")).format(name)] if asked else []
        if name == "sternotomy wires":
            # Always named, or a model learns to leave them out; whoever mentions the operation hears how they are.
            return [f"{'Sternotomy wires are intact' if 'surgery' in self.settings else _WIRES}."]
        status = ""
        if self.prior is not None:
            status = "new" if before is None else "unchanged" if same_place(device, before) else "repositioned"
        noun = f"{device.side} {name}".strip()
        tip = _tip_words(device) if asked or _misplaced(device) else ""
        if tip and name == "pacemaker":
            text = f"{noun} leads end {tip}"
        elif tip:
            text = self.pick((f"the {noun} ends {tip}", f"{noun} tip is {tip}", f"the tip of the {noun} is {tip}"))
        else:
            text = self.pick((f"{noun} is in place", f"there is a {noun}" if device.side else f"{noun} in place"))
        return [_capital(f"{text}, {status}." if status else f"{text}.")]


def _misplaced(device: Device) -> bool:
    """A position that any reader would report, asked or not."""
    if device.tip_cm is None:
        return False
    return {"endotracheal tube": device.tip_cm < 1.0, "nasogastric tube": device.tip_cm <= 0}.get(device.name, False)


def _tip_words(device: Device) -> str:
    if device.name == "pacemaker":
        return "in the right atrium and right ventricle"
    if device.tip_cm is None:
        return ""
    if device.name == "endotracheal tube" and device.tip_cm >= 0:
        return f"{round(device.tip_cm)} cm above the carina"
    return next(words for low, words in _TIPS[device.name] if device.tip_cm > low)


def tip_range(name: str, words: str) -> tuple[float, float] | None:
    """The tips (least, most in cm, as Device.tip_cm) of which a report says `words`, a part of its phrase.

    A number of centimetres is one tip, also where it was rounded. None where no tip of that device is described so.
    """
    if name == "endotracheal tube" and words.isdecimal():
        return float(words), float(words)
    highest = math.inf
    for low, phrase in _TIPS.get(name, ()):
        if words in phrase:
            return low, highest
        highest = low
    return None


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _grade(writer: _Writer, finding: Finding) -> str:
    return writer.pick(_GRADES[finding.name][finding.severity - 1])


def _pleural(writer: _Writer, finding: Finding, side: str) -> str:
    name = _NAMES[finding.name][0] + ("s" if side == "bilateral" else "")
    return f"{_grade(writer, finding)} {side} {name}"


def _opacity(writer: _Writer, finding: Finding, side: str) -> str:
    place = writer.pick((f"in the {side} {finding.zone} zone", f"in the {side} {finding.zone} lung"))
    grade = _grade(writer, finding)
    for setting, words in (
        ("infection", ("concerning for pneumonia", "compatible with pneumonia")),
        ("trauma", ("likely contusion", "suspicious for contusion")),
        ("aspiration", ("likely aspiration", "concerning for aspiration")),
    ):
        if setting in writer.settings:
            return f"{grade} opacity {place}, {writer.pick(words)}"
    return f"{grade} {writer.pick(('airspace opacity', 'consolidation'))} {place}"


def _nodule(writer: _Writer, finding: Finding, side: str) -> str:
    size = round((finding.size_mm or 15) / 5) / 2
    text = f"{size:.1f} cm {'mass' if (finding.size_mm or 0) > 30 else 'nodule'} in the {side} {finding.zone} zone"
    if "malignancy" in writer.settings:
        text += ", suspicious for metastasis"
    elif "smoking" in writer.settings:
        text += ", CT is advised"
    return text


def _atelectasis(writer: _Writer, finding: Finding, side: str) -> str:
    return f"{_grade(writer, finding)} {side} {writer.pick(('basilar ', 'basal ', ''))}atelectasis"


def _edema(writer: _Writer, finding: Finding, side: str) -> str:
    kind = "alveolar" if finding.severity == 3 else "interstitial"
    return f"{_grade(writer, finding)} {writer.pick((kind, 'pulmonary', f'{kind} pulmonary'))} edema"


def _cardiomegaly(writer: _Writer, finding: Finding, side: str) -> str:
    return f"{_grade(writer, finding)} {writer.pick(('cardiomegaly', 'enlargement of the heart'))}"


def _hyperinflation(writer: _Writer, finding: Finding, side: str) -> str:
    return f"{_grade(writer, finding)} hyperinflation" + writer.pick(("", " of the lungs", ", domes are flattened"))


def _fracture(writer: _Writer, finding: Finding, side: str) -> str:
    return f"{'displaced ' if finding.severity > 1 else ''}{side} rib fracture"


_BODIES: dict[str, Callable[[_Writer, Finding, str], str]] = {
    "effusion": _pleural,
    "pneumothorax": _pleural,
    "opacity": _opacity,
    "nodule": _nodule,
    "atelectasis": _atelectasis,
    "edema": _edema,
    "cardiomegaly": _cardiomegaly,
    "hyperinflation": _hyperinflation,
    "fracture": _fracture,
}
assert _BODIES.keys() == set(FINDINGS)
