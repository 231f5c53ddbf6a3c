"""The report as a PDF of A4 pages: report and both images first, then each sentence with its overlays.

Drawn with matplotlib, which the product needs anyway. Every image stands in the file once, as pixels; text stays text.
"""

from __future__ import annotations

import io
import threading
import warnings
from bisect import bisect_left
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.textpath import text_to_path
from PIL import Image

from priorrg import texts
from priorrg.explain.boxes import Box, boxes_of
from priorrg.explain.drawing import Scale, heat, overlaid, picture, scales
from priorrg.explain.overlays import GROUNDING, Overlay
from priorrg.explain.placement import seen_square
from priorrg.export.contents import ReportExport, fact, facts
from priorrg.study import Radiograph

# All lengths in points, 72 to the inch; (0, 0) is the bottom left corner of a page.
WIDTH, HEIGHT = 595.0, 842.0
MARGIN, BOTTOM = 42.0, 62.0
LINE = 1.35  # of the size of the letters
LARGE, SMALL = 1000, 420  # pixels of an image's longest edge
_one_at_a_time = threading.Lock()  # matplotlib's settings are the whole process's


def write_pdf(export: ReportExport) -> bytes:
    """The PDF's bytes. Without overlays the pages of sentences are left out."""
    pages = Pages()
    _first_page(pages, export)
    if export.overlays:
        _sentences(pages, export)
    return pages.bytes(export)


class Pages:
    """Pages filled from the top; whatever does not fit any more begins the next one."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []
        self.y = 0.0
        self.begin()

    def begin(self) -> None:
        self.figures.append(Figure(figsize=(WIDTH / 72, HEIGHT / 72)))
        self.y = HEIGHT - MARGIN

    def need(self, height: float) -> None:
        """Begin another page unless so much is left of this one."""
        if self.y - height < BOTTOM:
            self.begin()

    def skip(self, height: float) -> None:
        self.y -= height

    def paragraph(self, text: str, size: float = 10, weight: str = "normal", colour: str = "black") -> None:
        for line in wrapped(text, size, weight, WIDTH - 2 * MARGIN):
            self.need(size * LINE)
            self.y -= size * LINE
            self.line(line, MARGIN, self.y, size, weight, colour)

    def line(self, text: str, x: float, y: float, size: float, weight: str = "normal", colour: str = "black") -> None:
        write(self.figures[-1], text, x, y, size, weight, colour)

    def image(self, pixels: Image.Image, x: float, top: float, width: float, height: float) -> tuple[float, ...]:
        """An image as large as fits into the box, at its top, in its middle; where it lies: x, y, width, height."""
        scale = min(width / pixels.width, height / pixels.height)
        w, h = pixels.width * scale, pixels.height * scale
        place = (x + (width - w) / 2, top - h, w, h)
        figure = self.figures[-1]
        axes = figure.add_axes((place[0] / WIDTH, place[1] / HEIGHT, w / WIDTH, h / HEIGHT))
        axes.imshow(np.asarray(pixels), cmap="gray", vmin=0, vmax=255, interpolation="none", aspect="auto")
        axes.set_axis_off()
        return place

    def square(self, place: tuple[float, ...], radiograph: Radiograph) -> None:
        """The dashed square of what the model saw, over an image at `place`."""
        x, y, width, height = place
        seen = seen_square(radiograph)
        corner = ((x + seen.left * width) / WIDTH, (y + (1 - seen.top - seen.height) * height) / HEIGHT)
        size = (seen.width * width / WIDTH, seen.height * height / HEIGHT)
        figure = self.figures[-1]
        figure.add_artist(Rectangle(corner, *size, fill=False, linestyle="--", linewidth=0.6, edgecolor="#7dd3fc"))

    def boxes(self, place: tuple[float, ...], found: Sequence[Box]) -> None:
        """Boxes over an image at `place`."""
        x, y, width, height = place
        for box in found:
            corner = ((x + box.left * width) / WIDTH, (y + (1 - box.top - box.height) * height) / HEIGHT)
            size = (box.width * width / WIDTH, box.height * height / HEIGHT)
            self.figures[-1].add_artist(Rectangle(corner, *size, fill=False, linewidth=0.8, edgecolor="#ffffff"))

    def bytes(self, export: ReportExport) -> bytes:
        for number, figure in enumerate(self.figures, start=1):
            foot = [
                texts.report.DISCLAIMER,
                f"{export.model}. {export.authorship}",
                texts.export.FOOT.format(written=export.written, number=number, count=len(self.figures)),
            ]
            for place, text in enumerate(foot):
                write(figure, text, MARGIN, 42 - 10 * place, 7, "normal", "#374151")
        stream = io.BytesIO()
        about = {
            "Title": texts.export.TITLE,
            "Subject": texts.report.DISCLAIMER,
            "Creator": export.model,
            "CreationDate": export.written_at,
        }
        # 42 (TrueType): its letters can be searched and copied. An image is not to be merged with what lies over it.
        with (
            _one_at_a_time,
            matplotlib.rc_context({"pdf.fonttype": 42, "image.composite_image": False}),
            PdfPages(stream, metadata=about) as file,
        ):
            for figure in self.figures:
                file.savefig(figure)
        return stream.getvalue()


# Its default prints the letter that is missing: words of a report would stand in the log.
warnings.filterwarnings("ignore", message=r"Glyph \d+ .*missing from font")


def lacks_letters(text: str) -> bool:
    """Whether the font of the PDF lacks a letter of the text."""
    known = get_font(findfont(FontProperties(family=matplotlib.rcParams["font.family"]))).get_charmap()
    return any(not letter.isspace() and ord(letter) not in known for letter in text)


def write(figure: Figure, text: str, x: float, y: float, size: float, weight: str, colour: str) -> None:
    # A dollar sign in a report is no formula.
    figure.text(x / WIDTH, y / HEIGHT, text, fontsize=size, fontweight=weight, color=colour, parse_math=False)


def wrapped(text: str, size: float, weight: str, width: float) -> list[str]:
    """Lines no wider than `width` points; line breaks of the text are kept, words longer than a line are cut."""
    letters = FontProperties(family=matplotlib.rcParams["font.family"], size=size, weight=weight)

    def fits(line: str) -> bool:
        return text_to_path.get_text_width_height_descent(line, letters, ismath=False)[0] <= width

    lines = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in paragraph.split():
            if fits(f"{line} {word}".strip()):
                line = f"{line} {word}".strip()
                continue
            if line:
                lines.append(line)
            while not fits(word):
                # The longest part that fits, by halving: text without spaces may be one word of a page.
                cut = max(1, bisect_left(range(1, len(word)), True, key=lambda n: not fits(word[:n])))
                lines.append(word[:cut])
                word = word[cut:]
            line = word
        lines.append(line)
    return lines


def _first_page(pages: Pages, export: ReportExport) -> None:
    study = export.study
    pages.paragraph(texts.export.TITLE, 15, "bold")
    pages.skip(4)
    first, *others = export.statements()
    pages.paragraph(first, 10, "bold", "#b91c1c")
    for said in others:
        pages.paragraph(said, 9)
    given = [value for _, value in facts(export)]
    if lacks_letters(" ".join([export.text, export.report, export.draft, *given])):
        pages.paragraph(texts.export.MISSING_LETTERS, 9)
    pages.skip(6)
    for name, value in facts(export):
        pages.paragraph(fact(name, value), 9)
    pages.skip(10)
    _both_images(pages, study.current, study.prior)
    headings = texts.export.HEADINGS
    _section(pages, headings["report"], export.text, 11)
    if export.is_edited:
        _section(pages, headings["as written"], export.report, 9)
    _section(pages, headings["draft"], export.draft or texts.export.NO_DRAFT, 9)


def _section(pages: Pages, name: str, text: str, size: float) -> None:
    pages.need(4 * size * LINE)
    pages.skip(8)
    pages.paragraph(name, size, "bold")
    pages.paragraph(text, size)


def _both_images(pages: Pages, current: Radiograph, prior: Radiograph | None) -> None:
    width, gap = (WIDTH - 2 * MARGIN - 12) / 2, 12
    pages.need(width * 1.1 + 34)
    shown = [("current", current), ("prior", prior)]
    top = pages.y - 14
    lowest = top
    for column, (side, radiograph) in enumerate(shown):
        left = MARGIN + column * (width + gap)
        if radiograph is None:
            pages.line(texts.export.NOTHING_COMPARED, left, top + 4, 9)
            continue
        pages.line(texts.export.SIDES[side], left, top + 4, 9, "bold")
        place = pages.image(picture(radiograph, LARGE), left, top, width, width * 1.1)
        pages.square(place, radiograph)
        lowest = min(lowest, place[1])
    pages.y = lowest - 4
    pages.paragraph(texts.export.SEEN_SQUARE, 8, colour="#374151")


def _sentences(pages: Pages, export: ReportExport) -> None:
    pages.begin()
    pages.paragraph(texts.export.OVERLAYS, 13, "bold")
    if export.is_edited:
        pages.paragraph(texts.export.OVERLAYS_BEFORE_EDIT, 9, "bold")
    boxed = texts.export.BOXED if export.method == GROUNDING else ""
    pages.paragraph(f"{texts.export.METHODS[export.method]} {boxed}{texts.export.NO_PROOF}", 9)
    _legend(pages)
    scale = scales(export.overlays)
    for number, overlay in enumerate(export.overlays, start=1):
        _sentence(pages, export, number, overlay, scale)


def _legend(pages: Pages) -> None:
    """The colours over middle grey, as they lie over an image."""
    colours = heat(np.linspace(0, 255, 256))
    bar = 0.35 * (1 - colours[:, 3:]) + colours[:, :3] * colours[:, 3:]
    pages.skip(16)
    pages.line(texts.export.LEGEND_LOW, MARGIN, pages.y, 8)
    pages.image(
        Image.fromarray(np.rint(bar * 255).astype(np.uint8)[None].repeat(12, axis=0)), MARGIN + 28, pages.y + 7, 120, 8
    )
    pages.line(texts.export.LEGEND_HIGH, MARGIN + 154, pages.y, 8)
    pages.skip(8)


def _sentence(pages: Pages, export: ReportExport, number: int, overlay: Overlay, scale: dict[str, Scale]) -> None:
    study = export.study
    edge, gap = 128.0, 10.0
    text_width = WIDTH - 2 * MARGIN - 2 * (edge + gap)
    lines = wrapped(f"{number}. {overlay.sentence.text}", 10, "normal", text_width)
    if overlay.shares is not None:
        lines.append("")
        for side, share in zip(("current", "prior"), overlay.shares, strict=True):
            lines.append(texts.export.SHARE.format(image=texts.export.FACTS[side], percent=round(100 * share)))
    pages.need(max(edge + 22, len(lines) * 10 * LINE + 12))
    top = pages.y - 12
    for place, line in enumerate(lines):
        pages.line(line, MARGIN, top - 10 - place * 10 * LINE, 10)
    lowest = top - len(lines) * 10 * LINE
    shown = [("current", study.current, overlay.current), ("prior", study.prior, overlay.prior)]
    for column, (side, radiograph, grid) in enumerate(shown):
        if radiograph is None or grid is None:
            continue
        left = MARGIN + text_width + gap + column * (edge + gap)
        pages.line(texts.export.SIDES[side], left, top + 2, 7)
        place = pages.image(overlaid(radiograph, grid, scale[side], SMALL), left, top, edge, edge)
        pages.square(place, radiograph)
        if overlay.method == GROUNDING:
            pages.boxes(place, boxes_of(overlay, study)[side] or ())
        lowest = min(lowest, place[1])
    pages.y = lowest - 6
