"""What a simulated study truly shows: the record that images, masks, reports and metrics share.

No drawing and no wording here. Left and right are the patient's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

# Findings by their field names. 'opacity' is airspace opacity (consolidation), 'fracture' one of a rib; a 'nodule' of
# more than 30 mm is called a mass; a mild or moderate 'edema' is interstitial, a severe one alveolar.
FINDINGS = (
    "effusion",
    "pneumothorax",
    "opacity",
    "atelectasis",
    "nodule",
    "edema",
    "cardiomegaly",
    "hyperinflation",
    "fracture",
)
SIDED = ("effusion", "pneumothorax", "opacity", "atelectasis", "nodule", "fracture")
ZONED = ("opacity", "nodule")  # upper, mid or lower lung zone
SIDES = ("right", "left")
ZONES = ("upper", "mid", "lower")
# Every finding in every place that it can have.
FINDING_KEYS = tuple(
    (name, side, zone)
    for name in FINDINGS
    for side in (SIDES if name in SIDED else ("",))
    for zone in (ZONES if name in ZONED else ("",))
)
CHANGES = ("new", "larger", "unchanged", "smaller", "resolved")
DEVICES = (
    "endotracheal tube",
    "central venous catheter",
    "nasogastric tube",
    "chest drain",
    "pacemaker",
    "sternotomy wires",
)
TIPPED = ("endotracheal tube", "central venous catheter", "nasogastric tube", "chest drain")  # devices with a tip
LANDMARKS = ("carina", "cavoatrial junction", "right dome", "left dome")  # what tips are measured from
POINTS = (*LANDMARKS, *TIPPED)  # places of single points, in the order in which they are stored
# Cases that are hard on purpose, about one in ten: an indication or history that names the wrong side, one that names
# what is not there, a prior of poor quality, amounts just at the threshold of being seen or of the next grade.
HARD = ("wrong side", "contradiction", "poor prior", "threshold")

# Channels of the coarse masks, in the order in which they are stored.
MASK_CHANNELS = (
    *(f"{name} {side}" for name in SIDED for side in SIDES),
    "edema",
    "cardiomegaly",
    "hyperinflation",
    *DEVICES,
)


@dataclass(frozen=True)
class Finding:
    """One finding in one image.

    severity: 1 small or mild, 2 moderate, 3 large or severe. size_mm: only of a nodule (diameter).
    amount: the continuous amount in [0, 1] behind the severity; change is judged on it.
    """

    name: str
    severity: int
    amount: float
    side: str = ""
    zone: str = ""
    size_mm: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The place by which a finding is followed from one study to the next."""
        return (self.name, self.side, self.zone)


@dataclass(frozen=True)
class Device:
    """One device. side: of insertion, where it has one.

    tip_cm: endotracheal tube: tip above the carina (negative: in the right main bronchus);
        catheter: tip above the cavoatrial junction (negative: in the right atrium);
        nasogastric tube: tip below the gastro-oesophageal junction (negative: too high);
        chest drain: tip above the top of the diaphragm's dome, in an examination of full inspiration.
    """

    name: str
    side: str = ""
    tip_cm: float | None = None


_ONCE_STATED = {"low_volumes"}  # data sets of simulator version 4 and before have it


@dataclass(frozen=True)
class StudyTruth:
    """Everything that a report may say about one image.

    view: `PA` or `AP`. rotated: visibly rotated.
    sex: `F` or `M`; age in years. hard: one of HARD, or empty.
    """

    view: str
    findings: tuple[Finding, ...] = ()
    devices: tuple[Device, ...] = ()
    rotated: bool = False
    sex: str = "F"
    age: int = 60
    hard: str = ""

    def finding(self, key: tuple[str, str, str]) -> Finding | None:
        return next((f for f in self.findings if f.key == key), None)

    def device(self, name: str, side: str | None = None) -> Device | None:
        return next((d for d in self.devices if d.name == name and (side is None or d.side == side)), None)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> StudyTruth:
        """What to_dict gave, now or when data sets stated more of a study than anybody read."""
        stated = {name: value for name, value in record.items() if name not in _ONCE_STATED}
        return replace(
            cls(**{**stated, "findings": (), "devices": ()}),
            findings=tuple(Finding(**f) for f in record["findings"]),
            devices=tuple(Device(**d) for d in record["devices"]),
        )


def one_sided(findings: Iterable[Finding]) -> dict[str, str]:
    """Name -> side of the findings that are on one side only."""
    sides: dict[str, set[str]] = {}
    for finding in findings:
        if finding.side:
            sides.setdefault(finding.name, set()).add(finding.side)
    return {name: next(iter(found)) for name, found in sides.items() if len(found) == 1}


def same_place(now: Device, before: Device) -> bool:
    """Whether a device lies where it lay: the same side, and its tip within a centimetre."""
    if now.side != before.side:
        return False
    return now.tip_cm is None or before.tip_cm is None or abs(now.tip_cm - before.tip_cm) < 1.0


def change_of(current: Finding | None, prior: Finding | None) -> str | None:
    """The change from prior to current: one of CHANGES, or None where both are absent.

    'Unchanged' is the same severity grade and less than 0.15 of amount between the two: what a
    reader could call the same. The simulator draws changes on purpose well beyond that.
    """
    if current is None:
        return "resolved" if prior is not None else None
    if prior is None:
        return "new"
    difference = current.amount - prior.amount
    if current.severity == prior.severity and abs(difference) < 0.15:
        return "unchanged"
    return "larger" if difference > 0 else "smaller"
