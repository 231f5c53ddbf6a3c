"""Annotation file -> records, and which of their images can be read.

The format is described in docs/training.md (The annotation file). What a batch makes of records: batches.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from tqdm import tqdm

from priorrg.errors import DataError, ImageError
from priorrg.imaging.open import read_trusted
from priorrg.model.processing import PriorRGProcessor
from priorrg.study import UNKNOWN_VIEW, ClinicalContext
from train.config import RunConfig
from train.features import FeatureCache, check_count
from train.placeholders import has_placeholder, without_placeholders
from train.pretrain_vision import VisionRun, targets_of
from train.processes import gathered, processes
from train.simulate.context import AskedContext
from train.simulate.truth import StudyTruth

_NAMED = 20  # records at most that are named; the others are counted


@dataclass(frozen=True)
class Record:
    """One study of the annotation file. Paths are relative to the image root. truth: of a simulated study."""

    subject_id: str
    study_id: str
    current: str
    view: str
    prior: str | None
    prior_view: str
    context: ClinicalContext
    findings: str
    truth: StudyTruth | None = None
    prior_truth: StudyTruth | None = None
    masks: str | None = None


def read_annotation(path: str | Path, most_unusable: int = 100) -> dict[str, list[Record]]:
    """Records by split; those without findings are left out, as in the published code, and so are those with a field
    that is missing or cannot be what it should: these are named, and all are counted.

    Raises DataError when more than most_unusable cannot be used, and when the file is missing or no annotation file.
    """
    tree = _read_json(path, "annotation file", "Simulate one: python -m train simulate.")
    if not isinstance(tree, dict) or not all(isinstance(records, list) for records in tree.values()):
        raise DataError(f"{path} is no annotation file: it must hold a list of records for each split.")
    found: dict[str, list[Record]] = {}
    unusable: list[str] = []
    say = processes().print  # once, not in each process
    for split, raws in tree.items():
        found[split] = []
        named = len(unusable)
        for number, raw in enumerate(raws):
            try:
                record = _record(raw)
            except DataError as error:
                unusable.append(f"{split} record {number} ({_name(raw)}): {error}")
                if len(unusable) <= _NAMED:
                    say("left out:", unusable[-1])
                if len(unusable) > most_unusable:
                    raise DataError(
                        f"More than {most_unusable} records of {path} cannot be used (data.max_unreadable), the first "
                        f"is {unusable[0]}"
                    ) from None
            else:
                found[split] += [record] if record else []
        misshapen = len(unusable) - named
        silent = len(raws) - len(found[split]) - misshapen
        if misshapen or silent:
            say(f"{split}: {misshapen + silent} of {len(raws)} records left out, {silent} of them without findings")
    return found


def _read_json(path: str | Path, what: str, advice: str) -> Any:
    """What a JSON file holds. UTF-8, UTF-16 and UTF-32 with or without byte order mark are JSON's own; what is none of
    them is read as Windows' Latin-1 (cp1252), which older exports are written in."""
    try:
        written = Path(path).read_bytes()
        try:
            return json.loads(written)
        except UnicodeDecodeError:
            return json.loads(written.decode("cp1252"))
    except FileNotFoundError:
        raise DataError(f"There is no {what} {path}. {advice}") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is neither UTF-8 nor Latin-1: save it as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path} is not valid JSON: {error}.") from None


def read_view_positions(path: str | Path) -> dict[str, int]:
    """The view-position file: name -> row, `unk` among them. Raises DataError where it holds something else.

    path: that file, or the config.json of weights, which has them inside.
    """
    views = _read_json(path, "view-position file", "Name it in data.view_positions.")
    if isinstance(views, dict):
        views = views.get("view_positions", views)
    if not isinstance(views, dict) or sorted(views.values()) != list(range(len(views))) or UNKNOWN_VIEW not in views:
        raise DataError(f"{path} must number its view positions from 0 without gaps, {UNKNOWN_VIEW!r} among them.")
    return views


def _record(raw: Any) -> Record | None:
    """One record; None where it has no findings. Raises DataError that says what is wrong with it."""
    if not isinstance(raw, dict):
        raise DataError(f"it is no record: {str(raw)[:40]!r}.")
    if "anchor_scan" not in raw and {"report", "image_path"} <= raw.keys():
        raw = _of_r2gen(raw)
    facts, findings = _field(raw, "findings_factual_serialization"), _text(raw, "findings")
    if not findings or _is_empty(facts) or not facts:
        return None
    prior = _field(raw, "prior_study")
    prior = None if _is_empty(prior) else _group(prior, "prior_study").get("latest_study")
    has_prior = not _is_empty(prior) and prior != {}
    simulation = raw.get("simulation")
    current, view = _scan(_field(raw, "anchor_scan"), "anchor_scan")
    before, view_before = _scan(prior, "prior_study.latest_study") if has_prior else (None, UNKNOWN_VIEW)
    return Record(
        subject_id=_identifier(raw, "subject_id"),
        study_id=_identifier(raw, "study_id"),
        current=current,
        view=view,
        prior=before,
        prior_view=view_before,
        context=_context(raw, simulation),
        findings=findings,
        **_simulated(simulation),
    )


def _of_r2gen(raw: dict[str, Any]) -> dict[str, Any]:
    """A record of R2Gen's annotation.json, which knows neither view nor prior nor context; of IU X-ray no patient."""
    return {
        "subject_id": raw.get("subject_id", raw.get("id")),
        "study_id": raw.get("study_id", raw.get("id")),
        "anchor_scan": {"image_path": raw["image_path"], "view_position": UNKNOWN_VIEW},
        "prior_study": None,
        "indication_pure": "",
        "history_pure": "",
        "findings": raw["report"],
        "findings_factual_serialization": [raw["report"]],
    }


def _context(raw: dict[str, Any], simulation: Any) -> ClinicalContext:
    texts = _text(raw, "indication_pure"), _text(raw, "history_pure")
    if not isinstance(simulation, dict):
        return ClinicalContext(*texts)
    if "asked" not in simulation:
        raise DataError("its text was written by an older simulator; write it anew: python -m train simulate.")
    return AskedContext(*texts, asked=tuple(simulation["asked"]), settings=frozenset(simulation.get("settings", ())))


def _simulated(simulation: Any) -> dict[str, Any]:
    if not simulation:
        return {}
    try:
        prior = simulation["prior"]
        return {
            "truth": StudyTruth.from_dict(simulation["current"]),
            "prior_truth": StudyTruth.from_dict(prior) if prior else None,
            "masks": simulation["masks"],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"its simulation lacks or misshapes a field: {error}.") from None


def _scan(scan: Any, where: str) -> tuple[str, str]:
    """(image path, view position) of an examination: a list each, of which the first counts, or one text."""
    group = _group(scan, where)
    path, view = (_first(_field(group, name, where)) for name in ("image_path", "view_position"))
    if not isinstance(path, str) or not path.strip():
        raise DataError(f"its {where}.image_path is {_shown(group['image_path'])}; a path was expected.")
    if not _is_empty(view) and not isinstance(view, str):
        raise DataError(f"its {where}.view_position is {_shown(group['view_position'])}; a text was expected.")
    # Written on Windows: no image of these data sets has a backslash in its name.
    return path.strip().replace("\\", "/"), UNKNOWN_VIEW if _is_empty(view) else str(view).strip() or UNKNOWN_VIEW


def _first(value: Any) -> Any:
    return (value[0] if value else None) if isinstance(value, list) else value


def _field(group: dict[str, Any], name: str, where: str = "") -> Any:
    if name not in group:
        raise DataError(f"it lacks the field {where}{'.' if where else ''}{name}.")
    return group[name]


def _group(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(f"its {where} is {_shown(value)}; an object was expected.")
    return value


def _identifier(raw: dict[str, Any], name: str) -> str:
    value = _field(raw, name)
    if _is_empty(value) or not isinstance(value, str | int | float) or not str(value).strip():
        raise DataError(f"its {name} is {_shown(value)}; a text or a number was expected.")
    return str(value)


def _text(raw: dict[str, Any], name: str) -> str:
    """A text that may be missing (null, NaN), without placeholders of de-identification. Raises DataError."""
    value = _field(raw, name)
    if _is_empty(value):
        return ""
    if not isinstance(value, str):
        raise DataError(f"its {name} is {_shown(value)}; a text was expected.")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise DataError(f"its {name} holds half of a character (a lone surrogate), which no tokenizer reads.")
    return without_placeholders(value) if has_placeholder(value) else value if value.strip() else ""


def _is_empty(value: Any) -> bool:
    """null, or the NaN that pandas writes into an empty cell."""
    return value is None or value != value


def _shown(value: Any) -> str:
    return json.dumps(value)[:60]


def _name(raw: Any) -> str:
    return str((isinstance(raw, dict) and (raw.get("id") or raw.get("study_id"))) or "without id")


def image_paths(records: Sequence[Record]) -> list[str]:
    """Every image that the records name, once, in order."""
    return list(dict.fromkeys(p for r in records for p in (r.current, r.prior) if p))


def read_pixels(processor: PriorRGProcessor, root: Path, paths: Sequence[str]) -> Tensor:
    """(N, C, S, S) float32, through the very path that the app uses."""
    return processor.images([read_trusted(root / path, judge=False) for path in paths])


def readable(
    records: Sequence[Record], cache: FeatureCache | None, root: Path, max_unreadable: int, split: str
) -> list[Record]:
    """Records all of whose images can be read; the others are counted and named.

    Without a cache every image is opened once now, rather than failing in the middle of the run.
    Raises DataError when more than max_unreadable cannot be read.
    """
    if cache:
        named = cache.skipped & set(image_paths(records))
        missing = {path: f"{path}: it could not be read when the cache was written" for path in sorted(named)}
    else:
        missing = _unreadable(root, image_paths(records), max_unreadable)
    say = processes().print  # once, not in each process
    for line in missing.values():
        say("skipped", line)
    left = [record for record in records if not missing.keys() & {record.current, record.prior}]
    if len(left) < len(records):
        say(f"{split}: {len(records) - len(left)} of {len(records)} studies left out, for an image of theirs")
    return left


def _unreadable(root: Path, paths: Sequence[str], max_unreadable: int) -> dict[str, str]:
    """Path -> what is wrong with it, of those that cannot be read. Each process opens its share of the images."""
    found: dict[str, str] = {}
    running = processes()

    def check(path: str) -> tuple[str, str]:
        try:
            read_trusted(root / path, judge=False)
        except (ImageError, OSError) as error:
            return path, f"{path}: {error}"
        return path, ""

    mine = paths[running.process_index :: running.num_processes]
    quiet = not running.is_main_process
    with ThreadPoolExecutor() as pool:
        read = pool.map(check, mine)
        try:
            for path, problem in tqdm(read, total=len(mine), desc="images", unit="image", mininterval=5, disable=quiet):
                if problem:
                    found[path] = problem
                check_count(found, max_unreadable)
        except DataError:
            pool.shutdown(cancel_futures=True)  # or the sentence would wait for the last of the images
            raise
    found = gathered(found)
    check_count(found, max_unreadable)
    return found


def vision_run(records: Sequence[Record], processor: PriorRGProcessor, config: RunConfig) -> VisionRun:
    """Stage 0's pixels (N, S, S) uint8 and truth: every simulated image once, as the model is given it."""
    root = Path(config.data.image_root)
    encoder = processor.config.vision_config
    seen = {r.current: r for r in records if r.truth and r.masks}
    if not seen:
        raise DataError("The annotation file has no simulated records with masks: stage 0 learns from those only.")
    pixels = np.empty((len(seen), encoder.image_size, encoder.image_size), dtype=np.uint8)
    paths = list(seen)
    for start in tqdm(range(0, len(paths), 64), desc="pixels", unit="batch", mininterval=5):
        batch = read_pixels(processor, root, paths[start : start + 64])[:, 0]
        bright = batch * config.model.image_std + config.model.image_mean
        pixels[start : start + len(batch)] = (bright.clamp(0, 1) * 255).round().byte().numpy()
    truths = [r.truth for r in seen.values() if r.truth]
    masks = [root / r.masks for r in seen.values() if r.masks]
    return VisionRun(pixels, targets_of(truths, masks, encoder.image_size // encoder.patch_size))
