"""Study -> tensors and tokens -> text: tokenizer and image preprocessing in one place.

Sizes and limits come from the model's configuration, which is saved beside; this file keeps no second copy of them.
"""

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

# Imported by its own path: the name BitImageProcessor means another resampling wherever torchvision is installed.
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

from priorrg.errors import StudyError
from priorrg.model.configuration import PriorRGConfig
from priorrg.study import UNKNOWN_VIEW, ClinicalContext, Radiograph
from priorrg.texts import counted
from priorrg.texts import reading as reading_texts

BEGIN_END = "<|endoftext|>"  # GPT-2's one token for both
SPECIAL_TOKENS = {"pad_token": "[PAD]", "sep_token": "[SEP]", "cls_token": "[CLS]"}
SECTION_TOKENS = ("[INDICATION]", "[HISTORY]", "[Similar Cases]", "[FINDINGS]")  # ordinary added tokens (published)

# microsoft/rad-dino, preprocessor_config.json (commit 364cf91), as several public projects quote it:
# shortest edge 518 bicubic, centre crop 518, the same mean and std for the three equal channels.
RAD_DINO_MEAN, RAD_DINO_STD = 0.5307, 0.2583

MOST_QUOTED = 80  # characters of what is not read
LONGEST_WORD = 40  # letters; what is longer is text of a script without spaces
UNPRINTABLE = re.compile(r"[^\x20-\x7E]")


def make_image_processor(size: int, channels: int, mean: float, std: float) -> BitImageProcessorPil:
    """Shorter side to `size` bicubic, centre crop `size`, scale 1/255, normalise every channel alike."""
    return BitImageProcessorPil(
        size={"shortest_edge": size},
        crop_size={"height": size, "width": size},
        resample=3,  # bicubic
        do_convert_rgb=False,
        image_mean=[mean] * channels,
        image_std=[std] * channels,
    )


def make_tokenizer(tokenizer_file: str | Path) -> PreTrainedTokenizerFast:
    """A tokenizer from its tokenizer.json. A bare GPT-2 one is given the published extra tokens, in published order."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file), bos_token=BEGIN_END, eos_token=BEGIN_END)
    tokenizer.add_special_tokens(SPECIAL_TOKENS)  # type: ignore[arg-type]
    tokenizer.add_tokens(list(SECTION_TOKENS))
    tokenizer.backend_tokenizer.no_truncation()  # lengths belong to the configuration
    tokenizer.backend_tokenizer.no_padding()
    return tokenizer


class PriorRGProcessor:
    """What stands between a Study and a PriorRGModel.

    tokenizer: GPT-2 style with the special and section tokens above; image_processor: as the vision encoder was
    trained; config: the model's.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, image_processor: BitImageProcessorPil, config: PriorRGConfig
    ):
        self.tokenizer = tokenizer
        self.image_processor = image_processor
        self.config = config

    @classmethod
    def from_pretrained(cls, folder: str | Path, **kwargs) -> "PriorRGProcessor":
        """Read tokenizer, image settings and configuration from a model folder (or hub repository)."""
        return cls(
            PreTrainedTokenizerFast.from_pretrained(folder, **kwargs),
            BitImageProcessorPil.from_pretrained(folder, **kwargs),
            PriorRGConfig.from_pretrained(folder, **kwargs),
        )

    def save_pretrained(self, folder: str | Path) -> None:
        """Write tokenizer and image settings; the model's save_pretrained writes the configuration."""
        self.tokenizer.save_pretrained(folder)
        self.image_processor.save_pretrained(folder)

    # Images

    def images(self, radiographs: Sequence[Radiograph]) -> torch.Tensor:
        """(N, C, S, S) float32, from what the reader sees: the pixels through the window, 8 bits."""
        return self.arrays([radiograph.display() for radiograph in radiographs])

    def arrays(self, displayed: Sequence[np.ndarray]) -> torch.Tensor:
        """The same from arrays (rows, columns) uint8."""
        channels = self.config.vision_config.num_channels
        images = [np.repeat(array[..., None], channels, axis=-1) for array in displayed]
        batch = self.image_processor(images, return_tensors="pt", input_data_format="channels_last")
        return batch["pixel_values"]

    def check_view(self, name: str) -> str:
        """A view position that somebody typed, as the dictionary spells it. Raises StudyError for any other."""
        views = self.config.view_positions
        for known in (name.strip(), name.strip().upper()):
            if known in views:
                return known
        raise StudyError(reading_texts.UNKNOWN_VIEW.format(name=name[:20], known=", ".join(views)))

    def view_id(self, name: str) -> int:
        """The row of a view position; what the dictionary does not hold counts as not stated."""
        views = self.config.view_positions
        return views.get(name, views.get(name.strip().upper(), views[UNKNOWN_VIEW]))

    # Text

    def context_text(self, context: ClinicalContext) -> str:
        """The published training layout: both markers always, empty sections left empty."""
        sections = context.indication.strip(), context.history.strip()
        if self.config.lowercase_context:
            sections = sections[0].lower(), sections[1].lower()
        return f"[INDICATION] {sections[0]} [SEP] [HISTORY] {sections[1]}"

    def fit_context(self, context: ClinicalContext) -> tuple[ClinicalContext, str]:
        """The context as far as the model reads it, and a sentence for the reader where something was left out.

        Plain truncation would drop a history behind a long indication without a word: here each section keeps at
        least half of the room, whole words only; of text without spaces (Chinese, Thai) whole letters.
        """
        most = self.config.max_context_tokens
        sections = {"indication": context.indication.strip(), "history": context.history.strip()}
        if self._length(context) <= most:
            return context, ""
        room = most - self._length(ClinicalContext())
        pieces = {name: _pieces(text) for name, text in sections.items()}
        kept = dict(pieces)
        while any(kept.values()) and self._length(ClinicalContext(**{n: _joined(p) for n, p in kept.items()})) > most:
            sizes = {name: len(self.tokenizer(_joined(part))["input_ids"]) for name, part in kept.items()}  # type: ignore[arg-type]
            longest = max(sizes, key=lambda name: sizes[name])
            too_much = max(sum(sizes.values()) - room, 1)
            # A piece has a token at least: so many pieces cannot be too many to drop, but for the last steps.
            drop = max(1, too_much * len(kept[longest]) // (2 * sizes[longest]))
            kept[longest] = kept[longest][:-drop]
        cut = [_cut_part(name, pieces[name], kept[name]) for name in sections if len(kept[name]) < len(pieces[name])]
        note = " ".join(cut)
        return ClinicalContext(**{name: _joined(part) for name, part in kept.items()}), note

    def _length(self, context: ClinicalContext) -> int:
        return len(self.tokenizer(self.context_text(context))["input_ids"])  # type: ignore[arg-type]

    def context(self, texts: Sequence[str], max_length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Context strings -> ids and attention mask, (N, T) each, padded on the right."""
        return self._tokenize(texts, max_length or self.config.max_context_tokens)

    def report(self, texts: Sequence[str], max_length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Reports -> ids and mask (N, T) of `{bos} report {eos}`.

        ids[:, :-1] is what the decoder reads and ids[:, 1:] what it should say, -100 where mask[:, 1:] is 0.
        """
        return self._tokenize(
            [f"{BEGIN_END} {text} {BEGIN_END}" for text in texts], max_length or self.config.max_report_tokens
        )

    def report_offsets(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Where in its text each token of `report` stands: (begin, end) in characters; (0, 0) for what is no text."""
        framed = [f"{BEGIN_END} {text} {BEGIN_END}" for text in texts]
        shift = len(BEGIN_END) + 1
        most = self.config.max_report_tokens
        batch = self.tokenizer(framed, padding=True, truncation=True, max_length=most, return_offsets_mapping=True)
        return [
            [
                (max(begin - shift, 0), end - shift) if shift <= end - 1 and begin - shift < len(text) else (0, 0)
                for begin, end in row
            ]
            for text, row in zip(texts, batch["offset_mapping"], strict=True)  # type: ignore[arg-type]
        ]

    def spans_read(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids (N, T) of reports behind the start token, and which of them belong to each span: (N, S, T) bool.

        spans: of each text (begin, end) in characters. Rows of shorter lists, and spans behind the longest report that
        these weights read, own nothing.
        """
        ids, _ = self.report(texts)
        owned = torch.zeros(len(texts), max(map(len, spans), default=0), ids.shape[1], dtype=torch.bool)
        for row, (offsets, asked) in enumerate(zip(self.report_offsets(texts), spans, strict=True)):
            for place, (begin, end) in enumerate(asked):
                for column, (first, last) in enumerate(offsets):
                    owned[row, place, column] = first < end and last > begin and last > first
        return ids, owned

    def stage1_report(self, texts: Sequence[str], max_length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Reports -> ids and mask (N, T) of `[CLS] [FINDINGS] report`, for the contrastive stage."""
        return self._tokenize([f"[CLS] [FINDINGS] {text}" for text in texts], max_length or self.config.stage1_tokens)

    def decode(self, ids: torch.Tensor | list[int]) -> str:
        """Token ids -> text without special tokens, stripped, printable ASCII only (published)."""
        return UNPRINTABLE.sub("", str(self.tokenizer.decode(ids, skip_special_tokens=True)).strip())

    def _tokenize(self, texts: Sequence[str], max_length: int) -> tuple[torch.Tensor, torch.Tensor]:
        batch = self.tokenizer(list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="pt")
        return batch["input_ids"], batch["attention_mask"]  # type: ignore[return-value]


def _pieces(text: str) -> list[str]:
    """Where a text may be cut: words, each with the space before it; of a very long one letters with their marks."""
    found: list[str] = []
    for word in text.split():
        letters = [word]
        if len(word) > LONGEST_WORD:
            letters = []
            for letter in word:
                if letters and unicodedata.combining(letter):
                    letters[-1] += letter
                else:
                    letters.append(letter)
        found += [f" {letters[0]}", *letters[1:]]
    return found


def _joined(pieces: Sequence[str]) -> str:
    return "".join(pieces).strip()


def _cut_part(name: str, pieces: Sequence[str], kept: Sequence[str]) -> str:
    """What of a section is not read: how many words, or letters where it has none, and the first of them."""
    left = pieces[len(kept) :]
    rest = textwrap.shorten(_joined(left), MOST_QUOTED, placeholder=" ...")
    if all(piece.startswith(" ") for piece in pieces):
        return counted(reading_texts.CONTEXT_CUT_WORDS[name], len(left), rest=rest)
    letters = _joined(left)
    quoted = letters if len(letters) <= MOST_QUOTED else f"{letters[:MOST_QUOTED]} ..."
    return counted(reading_texts.CONTEXT_CUT_LETTERS[name], len(letters), rest=quoted)
