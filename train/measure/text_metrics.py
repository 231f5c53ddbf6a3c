"""Text scores of generated reports, each by the field's usual implementation.

BLEU-1 to BLEU-4: NLTK's clipped n-gram precisions and brevity penalty, summed over texts as its corpus_bleu does,
without smoothing. ROUGE-L: mean F of the rouge-score package. CIDEr: pycocoevalcap's, 0 to 10, its document frequencies
from all references of the set. BLEU and CIDEr read the same tokens: lower-cased words, numbers and single marks.
METEOR: the meteor-1.5 program that pycocoevalcap brings, with its own normalisation (`-l en -norm`); it needs Java.
Where no `java` is on the PATH the figure is None rather than that of another implementation of the same name.
Metrics that are models themselves (RadGraph, CheXbert, GREEN ...) run in an environment of their own: train/scoring.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from nltk.translate.bleu_score import modified_precision
from pycocoevalcap.cider.cider import Cider
from rouge_score.rouge_scorer import RougeScorer
from tqdm import tqdm

from priorrg.errors import DataError
from train.measure.bootstrap import Counts, mean_counts

TEXT_FIGURES = ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "meteor", "cider")

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
