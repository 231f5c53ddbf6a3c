"""A manifest's studies, read in batches; one JSON object a line, in the manifest's order, whatever happens to one.

A run that was interrupted goes on with what has no line yet (lines.py). The reports are those of Reporter: where
padding would change what is read (published weights), and in 8 bits, studies are read one at a time. On a GPU they are
read as those of many readers are (priorrg/reporting/together.py), whatever the weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput

from priorrg import texts
from priorrg.errors import ExportError, PriorRGError
from priorrg.export.contents import remarks_after, remarks_before
from priorrg.imaging.decoders import decoders
from priorrg.many.devices import Share
from priorrg.many.files import folder_of, write_files
from priorrg.many.lines import Line, Lines
from priorrg.many.manifest import Row
from priorrg.model.configuration import COARSE_FROM_MEMORY
from priorrg.model.precisions import INT8
from priorrg.reporting.confidence import weights_digest
from priorrg.reporting.events import read_to_end
from priorrg.reporting.on_device import is_gpu
from priorrg.reporting.reporter import Reading, Reporter, read_study
from priorrg.study import Study

BATCH = 16  # studies whose images and texts are computed together
ALONE = Share()

OnProgress = Callable[[int, int, int, int], None]


@dataclass(frozen=True)
class Job:
    """What is done with every study of a manifest, whichever process has it.

    folder: what the rows' paths are relative to. beside: where files of `kinds` (files.KINDS) go. weights: what read
    the studies, as their lines name it.
    """

    folder: Path
    beside: Path
    weights: str
    num_beams: int | None = None
    kinds: tuple[str, ...] = ()


def job_of(
    reporter: Reporter, folder: Path, output: Path, num_beams: int | None = None, kinds: Sequence[str] = ()
) -> Job:
    beams = num_beams or reporter.config.num_beams
    weights = f"{reporter.card.name}, {weights_digest(reporter.model)}, {beams} beams"
    return Job(folder, folder_of(output), weights, num_beams, tuple(kinds))


def write_reports(
    reporter: Reporter,
    rows: Sequence[Row],
    job: Job,
    output: Path,
    on_progress: OnProgress = lambda done, failed, since, of: None,
    share: Share = ALONE,
) -> tuple[int, int]:
    """Read what `output` does not hold yet and add it; of several processes each reads its share of that.

    A line holds `id`, `draft` and `report`, or `error`; further `remarks`, `weights` and the disclaimer. Where files
    are asked for, `files` names them and `refused` says why one is missing. Returns the number of lines, and of those
    with an error; on_progress is told both after each batch, how many stood before, and how many there will be, of
    this process's share and what stood before. Raises ExportError where `output` holds lines of other studies, weights
    or kinds.
    """
    lines = Lines(output, rows, job.weights, job.kinds)
    share.wait()  # nobody writes before all have seen the same
    mine = lines.missing[share.number :: share.count]
    since = lines.done
    part = share.number if share.count > 1 or lines.has_parts else None
    with lines.adding(part) as add:
        for batch in read_rows(reporter, mine, job):
            add(batch)
            on_progress(lines.done, lines.failed, since, since + len(mine))
    share.wait()
    if share.number == 0:
        lines.join()
    return lines.done, lines.failed


def read_rows(reporter: Reporter, rows: Sequence[tuple[int, Row]], job: Job) -> Iterator[list[Line]]:
    """The lines of rows with their numbers in the manifest, a batch at a time; with files, each study read alone."""
    if job.kinds:
        try:
            job.beside.mkdir(exist_ok=True)
        except OSError as error:
            raise ExportError(texts.many.UNWRITABLE.format(file=job.beside, reason=error.strerror or error)) from None
    for batch, studies in _decoded(rows, job.folder):
        good = [study for study in studies if isinstance(study, Study)]
        readings = iter([] if job.kinds else read_together(reporter, good, job.num_beams))
        lines = []
        for (number, row), study in zip(batch, studies, strict=True):
            line: Line = {"id": row.id}
            if not isinstance(study, Study):
                line["error"] = str(study)
            elif job.kinds:
                line |= _read_with_files(reporter, number, row, study, job)
            else:
                line |= _told(study, next(readings))
            lines.append(line | {"weights": job.weights, "disclaimer": texts.report.DISCLAIMER})
        yield lines
        reporter.forget(r.fingerprint for study in good for r in (study.current, study.prior) if r)


def _read_with_files(reporter: Reporter, number: int, row: Row, study: Study, job: Job) -> Line:
    draft, report = read_to_end(reporter.stream(study, num_beams=job.num_beams))
    stem = job.beside / f"{number:06d}"  # an id may hold what no file's name may
    image = job.folder / row.current
    files, refused = write_files(reporter, study, draft, report, image, stem, job.kinds)
    return {"files": files, "refused": refused} | _told(study, Reading(draft, report.text, report.is_cut))


def _told(study: Study, reading: Reading) -> Line:
    remarks = remarks_before(study) + remarks_after(study, reading.report, reading.is_cut)
    return {"draft": reading.draft, "report": reading.report, "remarks": remarks}


def _decoded(
    rows: Sequence[tuple[int, Row]], folder: Path
) -> Iterator[tuple[Sequence[tuple[int, Row]], list[Study | PriorRGError]]]:
    """Batches of rows with their studies, or why one cannot be read; the next batch is decoded meanwhile."""
    decoders().warm()
    with ThreadPoolExecutor(decoders().count) as pool:
        ahead: list[Future[Study | PriorRGError]] = []

        def submit(start: int) -> None:
            ahead.extend(pool.submit(_study, row, folder) for _, row in rows[start : start + BATCH])

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
    return [Reading(draft, report, is_cut) for (draft, _), (report, is_cut) in zip(*written, strict=True)]


def _read_at_once(reporter: Reporter, studies: Sequence[Study], num_beams: int | None) -> list[Reading]:
    """As readers of a page would have them read, in captured steps and with whatever weights."""

    def read(study: Study) -> Reading:
        draft, report = read_to_end(reporter.stream(study, num_beams=num_beams, with_words=False))
        return Reading(draft, report.text, report.is_cut)

    with ThreadPoolExecutor(reporter.at_once) as pool:
        return list(pool.map(read, studies))


def _texts(reporter: Reporter, latents: torch.Tensor, num_beams: int) -> list[tuple[str, bool]]:
    """Each text, and whether it ended at the limit of tokens. latents: (B, M, H)."""
    ids = reporter.model.generate(  # type: ignore[misc]
        encoder_outputs=BaseModelOutput(last_hidden_state=latents),  # type: ignore[arg-type]
        num_beams=num_beams,
        do_sample=False,
        max_length=reporter.config.max_report_tokens,
    )
    end = reporter.config.eos_token_id
    return [
        (reporter.processor.decode(row), end not in row[1:]) for row in ids
    ]  # what begins one may be the same token
