"""How often the rules read a sentence of a report wrongly: `python -m tests.facts_error [--list]`.

The sentences and what they say stand in tests/sentences, written by hand. A sentence counts as wrong where any of its
facts differs in finding, side, presence or change, is missing, or is too many.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

from priorrg.report.facts import CHANGES, FINDINGS, PRESENCES, read_facts, remark_of
from priorrg.report.remarks import KINDS

FOLDER = Path(__file__).parent / "sentences"
SETS = ("changes", "changes_held_out", "reports", "reports_held_out")
Said = tuple[str, str, str, str]  # finding, side, presence, change


@dataclass(frozen=True)
class Example:
    """A sentence with its facts, and what it is where it states none (one of KINDS, or '').

    was_wrong: it was read wrongly when it was first tried, and the rules were mended for it since.
    """

    sentence: str
    facts: frozenset[Said]
    remark: str = ""
    was_wrong: bool = False


def read_examples(name: str) -> list[Example]:
    """Lines `sentence | facts`; facts by semicolons, '-' for none, or one of KINDS. A line that begins with '! ' counts
    as wrong for ever: a set that rules were mended for would measure nothing."""
    lines = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [_example(line) for line in lines if line.strip() and not line.startswith("#")]


def _example(line: str) -> Example:
    sentence, _, told = line.removeprefix("! ").rpartition(" | ")
    was_wrong, told = line.startswith("! "), told.strip()
    if told in KINDS:
        return Example(sentence, frozenset(), told, was_wrong)
    facts = frozenset(_said(part) for part in told.split(";")) if told != "-" else frozenset()
    return Example(sentence, facts, was_wrong=was_wrong)


def _said(part: str) -> Said:
    """'effusion left unchanged': what is not stated is present and not compared; what has resolved, resolved."""
    part = part.strip()
    name = max((one for one in FINDINGS if part == one or part.startswith(f"{one} ")), key=len, default="")
    if not name:
        raise ValueError(f"No finding is known by the name of {part!r}")
    words = part[len(name) :].split()
    side = next((word for word in words if word in ("right", "left", "bilateral")), "")
    change = next((word for word in words if word in CHANGES), "")
    presence = next((word for word in words if word in PRESENCES), "present")
    if set(words) - {side, change, presence}:
        raise ValueError(f"Not known in {part!r}: {words}")
    return (name, side, presence, change)


def read_as(sentence: str) -> frozenset[Said]:
    return frozenset((fact.finding, fact.side, fact.presence, fact.change) for fact in read_facts(sentence))


def is_right(example: Example) -> bool:
    is_remark = not example.remark or remark_of(example.sentence) == example.remark
    return read_as(example.sentence) == example.facts and is_remark


def is_recognised(example: Example) -> bool:
    """Whether a fact or what kind of sentence it is was found, right or wrong."""
    return bool(read_facts(example.sentence) or remark_of(example.sentence))


def wrong(name: str) -> tuple[int, int, list[Example]]:
    """(sentences read wrongly, all sentences, which)."""
    examples = read_examples(name)
    found = [example for example in examples if example.was_wrong or not is_right(example)]
    return len(found), len(examples), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the sentences that are read wrongly")
    listed = parser.parse_args().list
    for name in SETS:
        count, total, found = wrong(name)
        recognised = sum(is_recognised(example) for example in read_examples(name))
        print(f"{name}: {count} of {total} read wrongly ({100 * count / total:.1f} %), {recognised} recognised")
        for example in [one for one in found if not is_right(one)] if listed else []:
            print(f"  {example.sentence}\n    written: {sorted(example.facts) or example.remark}")
            print(f"    read:    {sorted(read_as(example.sentence)) or remark_of(example.sentence)}")


if __name__ == "__main__":
    main()
