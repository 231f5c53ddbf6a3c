"""What a reader judges by: the shipped taxonomy with its identifiers, in words that a protocol may replace.

What is stored are the keys; they are the same in every session, so that sessions can be put together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from priorrg import texts

Key = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,40}$")]

CATEGORIES = tuple(texts.sessions.CATEGORIES)
SIGNIFICANCES = tuple(texts.sessions.SIGNIFICANCES)
VERDICTS = tuple(texts.sessions.VERDICTS)
COUNTED = ("significant", "critical")  # significances that ReXVal's 'clinically significant' takes together


class Strict(BaseModel):
    """Unknown keys are refused: a slip of the pen would change a study without anybody's notice."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Question(Strict):
    """One question behind a case. options: key to words, in the order in which they are shown; none for a text.

    about: `report` (of each report that is shown), `case` (once), or `overlay` (only where overlays are shown).
    """

    id: Key
    text: str
    options: dict[str, str] = {}
    required: bool = True
    about: Literal["report", "case", "overlay"] = "report"

    @property
    def is_text(self) -> bool:
        return not self.options


class Judging(Strict):
    """The words of the form. Categories, significances and verdicts may be reworded or left out, not added to."""

    categories: dict[str, str] = texts.sessions.CATEGORIES
    significances: dict[str, str] = texts.sessions.SIGNIFICANCES
    verdicts: dict[str, str] = texts.sessions.VERDICTS
    device: str = texts.sessions.DEVICE

    @model_validator(mode="after")
    def _keeps_identifiers(self) -> Judging:
        for name, shipped in (("categories", CATEGORIES), ("significances", SIGNIFICANCES), ("verdicts", VERDICTS)):
            given = getattr(self, name)
            unknown = [key for key in given if key not in shipped]
            if unknown or not given:
                raise ValueError(f"{name} must be of {', '.join(shipped)}" + (f", not {unknown[0]}" if unknown else ""))
        return self


def question(name: str, options: dict[str, str] | None = None, *, required: bool = True, about: str = "report") -> dict:
    return {
        "id": name,
        "text": texts.sessions.QUESTIONS[name],
        "options": options or {},
        "required": required,
        "about": about,
    }


ACCEPTABILITY = question("acceptability", texts.sessions.ACCEPTABILITY)
ANSWERS_INDICATION = question("answers_indication", texts.sessions.YES_NO)
USEFULNESS = question("usefulness", texts.sessions.USEFULNESS)
OVERLAY_HELPFUL = question("overlay_helpful", texts.sessions.HELPFUL, required=False, about="overlay")
PREFERENCE = question("preference", texts.sessions.PREFERENCE, about="case")
COMMENT = question("comment", required=False, about="case")

# What each kind of session asks where its protocol names no questions.
QUESTIONS: dict[str, list[dict]] = {
    "score": [ACCEPTABILITY, ANSWERS_INDICATION, USEFULNESS, OVERLAY_HELPFUL, COMMENT],
    "compare": [PREFERENCE, COMMENT],
    "assist": [OVERLAY_HELPFUL, COMMENT],
    "detect": [COMMENT],
}
