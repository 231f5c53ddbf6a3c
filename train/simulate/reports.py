"""Writes the findings of a simulated study from its truth, its prior's truth and its context.

Order: what was asked, lines and tubes, lungs, pleura, heart. The image decides what is said, the
prior how it is compared, the context what must be answered, whose tip is described and what an opacity
or a nodule is taken for. Without a prior no sentence compares.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from priorrg.study import ClinicalContext
from train.simulate.context import read_context, write_context
from train.simulate.truth import DEVICES, FINDINGS, Device, Finding, StudyTruth, change_of

__all__ = ["write_context", "write_report"]

_GRADES = {
    "effusion": ("small", "moderate", "large"),
    "pneumothorax": ("small", "moderate", "large"),
    "opacity": ("mild", "moderate", "extensive"),
    "atelectasis": ("mild", "moderate", "marked"),
    "edema": ("mild", "moderate", "severe"),
    "cardiomegaly": ("mildly", "moderately", "severely"),
}
_CHANGES = {
    "new": ("new since the prior study", "new", "not seen before"),
    "larger": ("increased", "larger than before", "worse than on the prior study"),
    "unchanged": ("unchanged", "stable", "similar to before"),
    "smaller": ("decreased", "smaller than before", "improved since the prior study"),
}
_SECTIONS = (("edema", "opacity", "atelectasis", "nodule"), ("effusion", "pneumothorax"), ("cardiomegaly",))
_NAMES = {
    "effusion": "pleural effusion",
    "pneumothorax": "pneumothorax",
    "opacity": "consolidation",
    "atelectasis": "atelectasis",
    "edema": "pulmonary edema",
    "nodule": "pulmonary nodule",
    "cardiomegaly": "cardiomegaly",
}


def write_report(current: StudyTruth, prior: StudyTruth | None, context: ClinicalContext, rng: random.Random) -> str:
    """The findings section, 15 to 95 words, plain ASCII, one fact a sentence."""
    return " ".join(_Writer(current, prior, context, rng).sentences())


class _Writer:
    def __init__(
        self, current: StudyTruth, prior: StudyTruth | None, context: ClinicalContext, rng: random.Random
    ) -> None:
        self.current, self.prior, self.rng = current, prior, rng
        reading = read_context(context)
        self.asked, self.settings = reading.asked, reading.settings

    def sentences(self) -> list[str]:
        said: list[str] = []
        text: list[str] = []
        for topic in self.asked:
            text += self._device_sentences(topic, True) if topic in DEVICES else self._topic(topic, answer=True)
            said.append(topic)
        for name in DEVICES:
            if name not in said:
                text += self._device_sentences(name, False)
        for section in _SECTIONS:
            silent: list[str] = []
            for name in section:
                if name in said:
                    continue
                sentences = self._topic(name, answer=False)
                text += sentences
                if not sentences:
                    silent.append(name)
            text += self._negatives(section, silent, said)
        return text

    def _topic(self, name: str, answer: bool) -> list[str]:
        """Sentences on one kind of finding: what is there, what has gone, and a denial where it was asked for."""
        keys = sorted({f.key for f in self.current.findings if f.name == name})
        gone = sorted({f.key for f in self.prior.findings if f.name == name} - set(keys)) if self.prior else []
        text = [s for key in self._merged(keys) for s in self._finding(key)]
        text += [self._resolved(key) for key in gone]
        if answer and not keys:
            denial = ("No {}.", "There is no {}.", "No evidence of {}.")
            text.insert(0, self.rng.choice(denial).format(_NAMES[name]))
        return text

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
        if name == "atelectasis" and finding.severity == 1 and self.rng.random() < 0.08 and name not in self.asked:
            return []  # of little interest: some readers leave it out
        change = self._change(source)
        suffix = ", " + self.rng.choice(_CHANGES[change]) if change else ""
        body = _BODIES[name](self, finding, side)
        return [_capital(f"{body}{suffix}.")]

    def _resolved(self, key: tuple[str, str, str]) -> str:
        name, side, zone = key
        place = f"{side} {zone}".strip() + " " if side else ""
        thing = {"nodule": "nodule", "opacity": "opacity", "cardiomegaly": "cardiac enlargement"}.get(
            name, _NAMES[name]
        )
        if name == "opacity" or name == "nodule":
            place = f"{side} {zone} zone "
        return self.rng.choice(("The {} has resolved.", "The {} seen on the prior study is no longer present.")).format(
            f"{'previous ' if name == 'cardiomegaly' else ''}{place}{thing}"
        )

    def _negatives(self, section: tuple[str, ...], silent: list[str], said: list[str]) -> list[str]:
        """The usual denials, for what has not been spoken of."""
        choose = self.rng.choice
        if section[0] == "edema":
            if len(silent) + len([n for n in section if n in said and not self._present(n)]) == len(section):
                return [choose(("The lungs are clear.", "Lungs are clear.", "The lungs are well aerated and clear."))]
            missing = [n for n in ("opacity", "edema") if n in silent]
            return [choose(("No {}.", "There is no {}.")).format(_NAMES[missing[0]])] if len(missing) == 1 else []
        if section[0] == "effusion":
            names = [_NAMES[n] for n in silent if not self._gone(n)]
            return [choose(("No {}.", "There is no {}.")).format(" or ".join(names))] if names else []
        if silent and not self._gone("cardiomegaly"):
            return [choose(("Heart size is normal.", "The heart is normal in size.", "Normal heart size."))]
        return []

    def _present(self, name: str) -> bool:
        return any(f.name == name for f in self.current.findings)

    def _gone(self, name: str) -> bool:
        return self.prior is not None and not self._present(name) and any(f.name == name for f in self.prior.findings)

    def _device_sentences(self, name: str, asked: bool) -> list[str]:
        device = self.current.device(name)
        before = self.prior.device(name) if self.prior else None
        if device is None:
            if before is not None:
                return [f"The {name} has been removed."]
            return [self.rng.choice(("No {} is seen.", "There is no {}.")).format(name)] if asked else []
        if name == "sternotomy wires":
            if self.rng.random() < 0.08:
                return []
            return [self.rng.choice(("Sternotomy wires are intact.", "Median sternotomy wires are present."))]
        status = ""
        if self.prior is not None:
            status = "new" if before is None else "unchanged" if _same_place(device, before) else "repositioned"
        noun = f"{device.side} {name}".strip()
        tip = _tip_words(device) if asked or _misplaced(device) else ""
        if tip:
            text = self.rng.choice((f"The {noun} ends {tip}", f"{noun} tip is {tip}"))
        else:
            text = self.rng.choice((f"{noun} is in place", f"there is a {noun}" if device.side else f"{noun} in place"))
        return [_capital(f"{text}, {status}." if status else f"{text}.")]


def _same_place(now: Device, before: Device) -> bool:
    if now.side != before.side:
        return False
    return now.tip_cm is None or before.tip_cm is None or abs(now.tip_cm - before.tip_cm) < 1.0


def _misplaced(device: Device) -> bool:
    """A position that any reader would report, asked or not."""
    if device.tip_cm is None:
        return False
    return {"endotracheal tube": device.tip_cm < 1.0, "nasogastric tube": device.tip_cm <= 0}.get(device.name, False)


def _tip_words(device: Device) -> str:
    tip = device.tip_cm
    if tip is None:
        return ""
    if device.name == "endotracheal tube":
        return "in the right main bronchus" if tip < 0 else f"{round(tip)} cm above the carina"
    if device.name == "central venous catheter":
        if tip > 1.0:
            return "in the superior vena cava"
        return "at the cavoatrial junction" if tip > -1.0 else "in the right atrium"
    return "in the stomach" if tip > 0 else "in the esophagus and should be advanced"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _grade(finding: Finding) -> str:
    return _GRADES[finding.name][finding.severity - 1]


def _pleural(writer: _Writer, finding: Finding, side: str) -> str:
    name = _NAMES[finding.name] + ("s" if side == "bilateral" else "")
    text = f"{_grade(finding)} {side} {name}"
    lead = "there are " if side == "bilateral" else "there is a "
    return lead + text if writer.rng.random() < 0.4 else text


def _opacity(writer: _Writer, finding: Finding, side: str) -> str:
    place = f"the {side} {finding.zone} zone"
    kind = "opacity"
    for setting, words in (
        ("infection", ", concerning for pneumonia"),
        ("trauma", ", likely contusion"),
        ("aspiration", ", likely aspiration"),
    ):
        if setting in writer.settings:
            return f"{_grade(finding)} {kind} in {place}{words}"
    text = f"{_grade(finding)} airspace {kind} in {place}"
    return "there is " + text if writer.rng.random() < 0.3 else text


def _nodule(writer: _Writer, finding: Finding, side: str) -> str:
    size = round((finding.size_mm or 15) / 5) / 2
    text = f"{size:.1f} cm nodule in the {side} {finding.zone} zone"
    if "malignancy" in writer.settings:
        text += ", suspicious for metastasis"
    elif "smoking" in writer.settings:
        text += ", CT is advised"
    return text


def _atelectasis(writer: _Writer, finding: Finding, side: str) -> str:
    return writer.rng.choice((f"{_grade(finding)} {side} basilar atelectasis", f"{_grade(finding)} {side} atelectasis"))


def _edema(writer: _Writer, finding: Finding, side: str) -> str:
    text = f"{_grade(finding)} pulmonary edema"
    return "there is " + text if writer.rng.random() < 0.4 else text


def _cardiomegaly(writer: _Writer, finding: Finding, side: str) -> str:
    adjective = {"mildly": "mild", "moderately": "moderate", "severely": "severe"}[_grade(finding)]
    return writer.rng.choice((f"the heart is {_grade(finding)} enlarged", f"{adjective} cardiomegaly"))


_BODIES: dict[str, Callable[[_Writer, Finding, str], str]] = {
    "effusion": _pleural,
    "pneumothorax": _pleural,
    "opacity": _opacity,
    "nodule": _nodule,
    "atelectasis": _atelectasis,
    "edema": _edema,
    "cardiomegaly": _cardiomegaly,
}
assert _BODIES.keys() == set(FINDINGS)
