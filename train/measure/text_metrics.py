"""Text scores of generated reports, each by the field's usual implementation.

BLEU-1 to BLEU-4: NLTK's clipped n-gram precisions and brevity penalty, summed over texts as its corpus_bleu does,
without smoothing. ROUGE-L: mean F of the rouge-score package. CIDEr: pycocoevalcap's, 0 to 10, its document frequencies
from all references of the set. BLEU and CIDEr read the same tokens: lower-cased words, numbers and single marks.
METEOR: the meteor-1.5 program that pycocoevalcap brings, with its own normalisation (`-l en -norm`); it needs Java.
Where no `java` is on the PATH the figure is None rather than that of another implementation of the same name.
RadGraph and CheXbert: the packages radgraph and f1chexbert, only from weights in a folder that the user names; nothing
is ever downloaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
from nltk.translate.bleu_score import modified_precision
from pycocoevalcap.cider.cider import Cider
from rouge_score.rouge_scorer import RougeScorer
from tqdm import tqdm

from priorrg.errors import DataError
from train.measure.bootstrap import Counts, mean_counts, ratio

TEXT_FIGURES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "cider")
CLINICAL_FIGURES = ("radgraph_f1", "chexbert_micro_f1", "chexbert_micro_f1_5")

# (references, hypotheses) -> counts, one row a text
Scorer = Callable[[Sequence[str], Sequence[str]], Counts]


def tokens(text: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+(?:\.\d+)?|[^\sa-z\d]", text.lower())


def bleu(references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
    """BLEU-1 to BLEU-4, in 0 to 1. Rows: matches and n-grams of each order, then both lengths."""
    rows = []
    for wanted, got in zip(map(tokens, references), map(tokens, hypotheses), strict=True):
        precisions = [modified_precision([wanted], got, order) for order in range(1, 5)]
        rows.append([*(n for p in precisions for n in (p.numerator, p.denominator)), len(wanted), len(got)])
    return Counts(np.array(rows, dtype=np.float64).reshape(-1, 10), _bleu_of)


def _bleu_of(sums: np.ndarray) -> dict[str, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):  # no match of some order: its logarithm is -inf, the score 0
        logarithms = np.log(sums[:, 0:8:2] / sums[:, 1:8:2])
        wanted, got = sums[:, 8], sums[:, 9]
        brevity = np.where(got > wanted, 1.0, np.exp(1 - wanted / got))
    return {f"bleu_{n}": np.where(got > 0, brevity * np.exp(logarithms[:, :n].mean(axis=1)), 0.0) for n in range(1, 5)}


def rouge_l(references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
    """ROUGE-L, in 0 to 1."""
    scorer = RougeScorer(["rougeL"])
    pairs = zip(references, hypotheses, strict=True)
    return mean_counts("rouge_l", [scorer.score(wanted, got)["rougeL"].fmeasure for wanted, got in pairs])


def cider(references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
    """CIDEr, in 0 to 10. Resampling draws texts, not document frequencies: those stay the whole set's."""
    wanted = {number: [" ".join(tokens(text))] for number, text in enumerate(references)}
    got = {number: [" ".join(tokens(text))] for number, text in enumerate(hypotheses)}
    if not any(text for (text,) in wanted.values()):  # the package looks for the most frequent n-gram of none
        return mean_counts("cider", [0.0] * len(wanted))
    return mean_counts("cider", list(Cider().compute_score(wanted, got)[1]))


class Meteor:
    """The running METEOR program; call `close` or use it through `meteor`.

    It is asked for the statistics of each text, which may be summed, and for the score of any sum: that is how it
    scores a set, and it makes resampling cheap.
    """

    def __init__(self, java: str) -> None:
        wrapper = importlib.util.find_spec("pycocoevalcap.meteor.meteor")
        assert wrapper is not None and wrapper.origin is not None
        jar = Path(wrapper.origin).with_name("meteor-1.5.jar")
        command = [java, "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]  # as pycocoevalcap does
        self._program = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        )

    def __call__(self, references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
        """METEOR, in 0 to 1. Rows: the program's 23 statistics of a text."""
        pairs = list(zip(references, hypotheses, strict=True))
        pairs = tqdm(pairs, desc="METEOR", unit="text", mininterval=5)
        rows = [self._ask(f"SCORE ||| {_one_line(wanted)} ||| {_one_line(got)}") for wanted, got in pairs]
        return Counts(np.array([[float(n) for n in row.split()] for row in rows]), self._scores)

    def _scores(self, sums: np.ndarray) -> dict[str, np.ndarray]:
        scores = []
        for row in sums:
            scores.append(float(self._ask("EVAL ||| " + " ".join(f"{n:.4f}" for n in row))))
            self._read()  # the score of the set, after that of its only text: the same
        return {"meteor": np.array(scores)}

    def _ask(self, line: str) -> str:
        assert self._program.stdin
        try:
            self._program.stdin.write(line + "\n")
            self._program.stdin.flush()
        except OSError:
            pass  # it has ended: reading finds that and says so
        return self._read()

    def _read(self) -> str:
        assert self._program.stdout
        line = self._program.stdout.readline().strip()
        if not line:
            raise DataError(
                "Java is on the PATH, but the METEOR program gave no answer. It needs Java 8 or newer and 2 GB of "
                "memory; take java off the PATH to evaluate without METEOR."
            )
        return line

    def close(self) -> None:
        self._program.kill()
        self._program.communicate()


def _one_line(text: str) -> str:
    return " ".join(text.replace("|||", " ").split())


@contextmanager
def meteor() -> Iterator[Scorer | None]:
    """METEOR as a scorer while the block lasts, or None without Java. Starting takes some seconds.

    Raises DataError, at once, where Java is there but the program does not run.
    """
    java = shutil.which("java")
    if java is None:
        yield None
        return
    scorer = Meteor(java)
    try:
        scorer._ask("SCORE ||| lungs ||| lungs")
        yield scorer
    finally:
        scorer.close()


def text_counts(references: Sequence[str], hypotheses: Sequence[str]) -> list[Counts]:
    """BLEU, ROUGE-L and CIDEr: what needs no other program."""
    return [scorer(references, hypotheses) for scorer in (bleu, rouge_l, cider)]


def radgraph(folder: Path) -> Scorer:
    """RadGraph F1 (entities and whether they have a relation: the package's `partial` reward), mean over texts.

    folder: holds `radgraph/config.json`, `radgraph/weights.th` and the vocabulary, as the package unpacks them. The
    BERT that config.json names must be a local folder or in the local Hugging Face cache. Raises DataError where the
    package or anything else is missing.
    """
    package = _package("radgraph", folder, "--radgraph", "radgraph/config.json", "radgraph/weights.th")
    with _offline("radgraph"):
        metric = package.F1RadGraph(reward_level="partial", model_type="radgraph", model_cache_dir=str(folder))
    return lambda references, hypotheses: mean_counts(
        "radgraph_f1", metric(refs=list(references), hyps=list(hypotheses))[1]
    )


def chexbert(folder: Path) -> Scorer:
    """CheXbert micro-F1 over its 14 observations and over the usual five; uncertain counts as positive (the package's).

    folder: holds `chexbert.pth`. bert-base-uncased must be in the local Hugging Face cache. Raises DataError where the
    package or anything else is missing.
    """
    package = _package("f1chexbert.f1chexbert", folder, "--chexbert", "chexbert.pth")
    package.CACHE_DIR = str(folder)  # its only way to be told where the weights lie
    with _offline("f1chexbert"):
        metric = package.F1CheXbert()
    five = metric.target_names_5_index

    def score(references: Sequence[str], hypotheses: Sequence[str]) -> Counts:
        pairs = tqdm([*references, *hypotheses], desc="CheXbert", unit="text", mininterval=5)
        labels = np.array([metric.get_label(text.strip()) for text in pairs], dtype=bool)
        wanted, got = np.split(labels, 2)
        cells = np.stack([wanted & got, wanted | got], axis=2).astype(np.float64)  # F1 = 2 tp / (tp + all named)
        return Counts(np.hstack([cells.sum(axis=1), cells[:, five].sum(axis=1)]), _chexbert_of)

    return score


def _chexbert_of(sums: np.ndarray) -> dict[str, np.ndarray]:
    both, named, both_5, named_5 = sums.T
    return {
        "chexbert_micro_f1": ratio(2 * both, both + named),
        "chexbert_micro_f1_5": ratio(2 * both_5, both_5 + named_5),
    }


def _package(module: str, folder: Path, option: str, *files: str) -> Any:
    """The imported module. Raises DataError unless it is installed and `folder` holds `files`."""
    name = module.partition(".")[0]
    if importlib.util.find_spec(name) is None:
        raise DataError(f"{option} needs the package {name}, which is not installed: .venv/bin/pip install {name}.")
    for file in files:
        if not (folder / file).is_file():
            raise DataError(
                f"{option} {folder}: there is no {file} in it. PriorRG downloads no weights; put them there."
            )
    return importlib.import_module(module)


@contextmanager
def _offline(name: str) -> Iterator[None]:
    """Both packages would fetch what they miss; within this block Hugging Face's hub is not asked."""
    before = huggingface_hub.constants.HF_HUB_OFFLINE
    huggingface_hub.constants.HF_HUB_OFFLINE = True
    try:
        yield
    except OSError as error:
        raise DataError(f"{name} misses a file that it would have downloaded: {error}") from None
    finally:
        huggingface_hub.constants.HF_HUB_OFFLINE = before
