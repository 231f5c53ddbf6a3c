"""The report as a PDF of A4 pages: report and both images first, then each sentence with its overlays.

Drawn with matplotlib, which the product needs anyway. Every image stands in the file once, as pixels; outlines stay
lines and text stays text.
"""

from __future__ import annotations

import io
import threading
import warnings
from bisect import bisect_left

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Polygon, Rectangle
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

from priorrg import texts
from priorrg.explain.drawing import Scale, levels, picture, scales
from priorrg.explain.outlines import outlines, strength
from priorrg.explain.overlays import Overlay
from priorrg.explain.placement import seen_square
from priorrg.export.contents import ReportExport, fact, facts, with_words_for_gaps
from priorrg.study import Radiograph

# All lengths in points, 72 to the inch; (0, 0) is the bottom left corner of a page.
WIDTH, HEIGHT = 595.0, 842.0
MARGIN, BOTTOM = 42.0, 62.0
LINE = 1.35  # of the size of the letters
EDGE, GAP = 128.0, 10.0  # of the images beside a sentence
LARGE, SMALL = 1000, 420  # pixels of an image's longest edge
OUTLINE = "#fbbf24"  # as on the page (assets/ui/overlay.js)
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

    def image(self, pixels: np.ndarray, x: float, top: float, width: float, height: float) -> tuple[float, ...]:
        """An image (H, W, 4) as large as fits into the box, at its top, in its middle; x, y, width, height of it.

        One that is drawn several times stands in the file once.
        """
        rows, columns = pixels.shape[:2]
        scale = min(width / columns, height / rows)
        w, h = columns * scale, rows * scale
        place = (x + (width - w) / 2, top - h, w, h)
        self.figures[-1].add_artist(Picture(pixels, place))
        return place

    def square(self, place: tuple[float, ...], radiograph: Radiograph) -> None:
        """The dashed square of what the model saw, over an image at `place`."""
        x, y, width, height = place
        seen = seen_square(radiograph)
        corner = ((x + seen.left * width) / WIDTH, (y + (1 - seen.top - seen.height) * height) / HEIGHT)
        size = (seen.width * width / WIDTH, seen.height * height / HEIGHT)
        figure = self.figures[-1]
        figure.add_artist(Rectangle(corner, *size, fill=False, linestyle="--", linewidth=0.6, edgecolor="#7dd3fc"))

    def outlines(self, place: tuple[float, ...], radiograph: Radiograph, found: np.ndarray, is_prior: bool) -> None:
        """The outlines of an overlay's levels (G, G) over an image at `place`; dashed on the prior: so it was then."""
        x, y, width, height = place
        seen = seen_square(radiograph)
        for line in outlines(found):
            across = x + (seen.left + line[:, 0] * seen.width) * width
            up = y + (1 - seen.top - line[:, 1] * seen.height) * height
            points = np.stack([across / WIDTH, up / HEIGHT], axis=1)
            for colour, wide, opacity in (("#000000", 2.4, 0.5), (OUTLINE, 1.2, 1.0)):
                drawn = Polygon(points, fill=False, edgecolor=colour, linewidth=wide, alpha=opacity * strength(found))
                drawn.set_linestyle((0, (3.5, 2.5)) if is_prior and colour == OUTLINE else "-")
                self.figures[-1].add_artist(drawn)

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
        # Type 3: letters can be searched and copied as those of TrueType can, whose fonts take half a second to subset.
        with _one_at_a_time, matplotlib.rc_context({"pdf.fonttype": 3}), PdfPages(stream, metadata=about) as file:
            for figure in self.figures:
                file.savefig(figure)
        return stream.getvalue()


class Picture(Artist):
    """Pixels (H, W, 4) at `place`: x, y, width, height. One array is one object in the file, however often drawn."""

    def __init__(self, pixels: np.ndarray, place: tuple[float, ...]) -> None:
        super().__init__()
        self.pixels, self.place = pixels, place

    def draw(self, renderer: RendererBase) -> None:
        x, y, width, height = self.place
        renderer.draw_image(renderer.new_gc(), x, y, self.pixels, Affine2D().scale(width, height))


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
        _section(pages, headings["as written"], export.written_text, 9)
    _section(pages, headings[export.draft_heading], export.draft_text, 9)


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
        place = pages.image(_pixels(radiograph, LARGE), left, top, width, width * 1.1)
        pages.square(place, radiograph)
        lowest = min(lowest, place[1])
    pages.y = lowest - 4
    pages.paragraph(texts.export.SEEN_SQUARE, 8, colour="#374151")


def _sentences(pages: Pages, export: ReportExport) -> None:
    pages.begin()
    pages.paragraph(texts.export.OVERLAYS, 13, "bold")
    if export.is_edited:
        pages.paragraph(texts.export.OVERLAYS_BEFORE_EDIT, 9, "bold")
    pages.paragraph(f"{texts.export.METHODS[export.method]} {texts.export.NO_PROOF}", 9)
    pages.paragraph(texts.export.LEGEND, 9)
    films = {"current": export.study.current, "prior": export.study.prior}
    pixels = {side: _pixels(film, SMALL) for side, film in films.items() if film is not None}
    scale = scales(export.overlays)
    for number, overlay in enumerate(export.overlays, start=1):
        _sentence(pages, export, number, overlay, scale, pixels)


def _pixels(radiograph: Radiograph, longest_edge: int) -> np.ndarray:
    """The film as it is displayed: (H, W, 4), its lowest row first, as matplotlib's renderers want images."""
    return np.asarray(picture(radiograph, longest_edge).convert("RGBA"))[::-1]


def _sentence(
    pages: Pages,
    export: ReportExport,
    number: int,
    overlay: Overlay,
    scale: dict[str, Scale],
    pixels: dict[str, np.ndarray],
) -> None:
    study = export.study
    text_width = WIDTH - 2 * MARGIN - 2 * (EDGE + GAP)
    lines = wrapped(f"{number}. {with_words_for_gaps(overlay.sentence.text)}", 10, "normal", text_width)
    if overlay.shares is not None:
        lines.append("")
        for side, share in zip(("current", "prior"), overlay.shares, strict=True):
            lines.append(texts.export.SHARE.format(image=texts.export.FACTS[side], percent=round(100 * share)))
    pages.need(max(EDGE + 22, len(lines) * 10 * LINE + 12))
    top = pages.y - 12
    for place, line in enumerate(lines):
        pages.line(line, MARGIN, top - 10 - place * 10 * LINE, 10)
    lowest = top - len(lines) * 10 * LINE
    shown = [("current", study.current, overlay.current), ("prior", study.prior, overlay.prior)]
    for column, (side, radiograph, grid) in enumerate(shown):
        if radiograph is None or grid is None:
            continue
        left = MARGIN + text_width + GAP + column * (EDGE + GAP)
        pages.line(texts.export.SIDES[side], left, top + 2, 7)
        place = pages.image(pixels[side], left, top, EDGE, EDGE)
        pages.square(place, radiograph)
        pages.outlines(place, radiograph, levels(grid, scale[side]), is_prior=side == "prior")
        lowest = min(lowest, place[1])
    pages.y = lowest - 6
