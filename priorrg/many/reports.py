"""A manifest's studies, read in batches; one JSON object a line, in the manifest's order, whatever happens to one.

A run that was interrupted goes on behind its last whole line. The reports are those of Reporter: where padding would
change what is read (published weights), and in 8 bits, studies are read one at a time. On a GPU they are read as those
of many readers are (priorrg/reporting/together.py), whatever the weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput

from priorrg import texts
from priorrg.errors import ExportError, PriorRGError
from priorrg.export.contents import remarks_before
from priorrg.imaging.decoders import decoders
from priorrg.many.files import folder_of, write_files
from priorrg.many.manifest import Row
from priorrg.model.configuration import COARSE_FROM_MEMORY
from priorrg.model.precisions import INT8
from priorrg.reporting.confidence import weights_digest
from priorrg.reporting.events import read_to_end
from priorrg.reporting.on_device import is_gpu
from priorrg.reporting.reporter import Reading, Reporter, read_study
from priorrg.study import Study

BATCH = 16  # studies whose images and texts are computed together


def write_reports(
    reporter: Reporter,
    rows: Sequence[Row],
    folder: Path,
    output: Path,
    num_beams: int | None = None,
    on_progress: Callable[[int, int, int], None] = lambda done, failed, since: None,
    kinds: Sequence[str] = (),
) -> tuple[int, int]:
    """Read what `output` does not hold yet and add it. folder: what the rows' paths are relative to.

    A line holds `id`, `draft` and `report`, or `error`; further `remarks`, `weights` and the disclaimer. Returns the
    number of lines, and of those with an error; on_progress is told both after each batch, and how many stood before.
    kinds: of files.KINDS, what is written of each study besides; then `files` names it, `refused` says why something is
    missing, and studies are read one at a time. Raises ExportError where `output` holds lines of other studies, weights
    or kinds.
    """
    weights = f"{reporter.card.name}, {weights_digest(reporter.model)}, {num_beams or reporter.config.num_beams} beams"
    done, failed = since, _ = _resumed(output, rows, weights, kinds)
    beside = folder_of(output)
    try:
        if kinds:
            beside.mkdir(exist_ok=True)
        lines = output.open("a", encoding="utf-8")
    except OSError as error:
        raise ExportError(texts.many.UNWRITABLE.format(file=output, reason=error.strerror or error)) from None
    with lines:
        for batch, studies in _decoded(rows[done:], folder):
            good = [study for study in studies if isinstance(study, Study)]
            readings = iter([] if kinds else read_together(reporter, good, num_beams))
            for number, (row, study) in enumerate(zip(batch, studies, strict=True), done + 1):
                line: dict[str, Any] = {"id": row.id}
                if isinstance(study, Study):
                    if kinds:
                        draft, report = read_to_end(reporter.stream(study, num_beams=num_beams))
                        reading = Reading(draft, report.text)
                        stem = beside / f"{number:06d}"  # an id may hold what no file's name may
                        given = reporter, study, draft, report, folder / row.current
                        line["files"], line["refused"] = write_files(*given, stem, kinds)
                    else:
                        reading = next(readings)
                    line |= {"draft": reading.draft, "report": reading.report, "remarks": remarks_before(study)}
                else:
                    line["error"] = str(study)
                    failed += 1
                line |= {"weights": weights, "disclaimer": texts.report.DISCLAIMER}
                lines.write(json.dumps(line, ensure_ascii=False) + "\n")
            lines.flush()
            done += len(batch)
            on_progress(done, failed, since)
            reporter.forget(r.fingerprint for study in good for r in (study.current, study.prior) if r)
    return done, failed


def _resumed(output: Path, rows: Sequence[Row], weights: str, kinds: Sequence[str]) -> tuple[int, int]:
    """Lines that stand, and those of them with an error. Half a line at the end, of a run that was killed, is cut."""
    if not output.exists():
        return 0, 0
    written = output.read_bytes()
    whole = written[: written.rfind(b"\n") + 1]
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
        same = [line["id"] for line in lines] == [row.id for row in rows[: len(lines)]]
        same = same and all(line["weights"] == weights for line in lines)
        same = same and all(_kinds_of(line) == set(kinds) for line in lines if "error" not in line)
    except (ValueError, TypeError, KeyError):
        same = False
    if not same or (written and not whole):
        raise ExportError(texts.many.OTHER_OUTPUT.format(file=output))
    if len(whole) < len(written):
        with output.open("r+b") as file:
            file.truncate(len(whole))
    return len(lines), sum("error" in line for line in lines)


def _kinds_of(line: dict[str, Any]) -> set[str]:
    return {*line.get("files", ()), *line.get("refused", ())}


def _decoded(rows: Sequence[Row], folder: Path) -> Iterator[tuple[Sequence[Row], list[Study | PriorRGError]]]:
    """Batches of rows with their studies, or why one cannot be read; the next batch is decoded meanwhile."""
    decoders().warm()
    with ThreadPoolExecutor(decoders().count) as pool:
        ahead: list[Future[Study | PriorRGError]] = []

        def submit(start: int) -> None:
            ahead.extend(pool.submit(_study, row, folder) for row in rows[start : start + BATCH])

        submit(0)
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            submit(start + BATCH)
            studies = [ahead.pop(0).result() for _ in batch]
            yield batch, studies


def _study(row: Row, folder: Path) -> Study | PriorRGError:
    try:
        return read_study(
            folder / row.current,
            folder / row.prior if row.prior else None,
            row.indication,
            row.history,
            row.view,
            row.prior_view,
            row.orientation,
            row.prior_orientation,
            row.window,
            row.prior_window,
        )
    except PriorRGError as error:
        return error


@torch.no_grad()
def read_together(reporter: Reporter, studies: Sequence[Study], num_beams: int | None = None) -> list[Reading]:
    """What Reporter.report gives for each, computed as one batch where the weights allow it."""
    model, processor, device = reporter.model, reporter.processor, reporter.device
    if is_gpu(device):
        return _read_at_once(reporter, studies, num_beams)
    if not reporter.config.mask_context_padding or len(studies) < 2 or reporter.precision == INT8:
        return [reporter.report(study, num_beams) for study in studies]
    images = {r.fingerprint: r for study in studies for r in (study.current, study.prior) if r}
    place = {fingerprint: number for number, fingerprint in enumerate(images)}
    current = [place[study.current.fingerprint] for study in studies]
    before = [study.prior or study.current for study in studies]  # rows without a prior are not read
    contexts = [processor.context_text(processor.fit_context(study.context)[0]) for study in studies]
    ids, mask = processor.context(contexts)
    with reporter.lock:
        features = model.encode_image(processor.images(list(images.values())).to(device))
        assert features.last_hidden_state is not None and features.hidden_states is not None
        inputs: dict[str, Any] = {
            "current_last_hidden_state": features.last_hidden_state[current],
            "current_hidden_states": features.hidden_states[current],
            "context_input_ids": ids.to(device),
            "context_attention_mask": mask.to(device),
            "view_ids": torch.tensor([processor.view_id(s.current.view_position) for s in studies], device=device),
        }
        if any(study.has_prior for study in studies):
            inputs |= {
                "prior_last_hidden_state": features.last_hidden_state[[place[r.fingerprint] for r in before]],
                "prior_view_ids": torch.tensor([processor.view_id(r.view_position) for r in before], device=device),
                "has_prior": torch.tensor([study.has_prior for study in studies], device=device),
            }
        memory = model.encode_study(**inputs)
        draft = memory.coarse if reporter.config.coarse_draft == COARSE_FROM_MEMORY else memory.full
        written = [
            _texts(reporter, latents, beams)
            for latents, beams in ((draft, 1), (memory.full, num_beams or reporter.config.num_beams))
        ]
    return [Reading(*pair) for pair in zip(*written, strict=True)]


def _read_at_once(reporter: Reporter, studies: Sequence[Study], num_beams: int | None) -> list[Reading]:
    """As readers of a page would have them read, in captured steps and with whatever weights."""

    def read(study: Study) -> Reading:
        draft, report = read_to_end(reporter.stream(study, num_beams=num_beams, with_words=False))
        return Reading(draft, report.text)

    with ThreadPoolExecutor(reporter.at_once) as pool:
        return list(pool.map(read, studies))


def _texts(reporter: Reporter, latents: torch.Tensor, num_beams: int) -> list[str]:
    """latents: (B, M, H)."""
    ids = reporter.model.generate(  # type: ignore[misc]
        encoder_outputs=BaseModelOutput(last_hidden_state=latents),  # type: ignore[arg-type]
        num_beams=num_beams,
        do_sample=False,
        max_length=reporter.config.max_report_tokens,
    )
    return [reporter.processor.decode(row) for row in ids]
