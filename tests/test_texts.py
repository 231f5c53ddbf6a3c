"""What is said to a reader is said in priorrg/texts alone, in constants and templates that a translator can work on."""

import ast
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import priorrg
from priorrg import texts
from priorrg.feedback.store import REASONS
from priorrg.report.facts import CHANGES, FINDINGS, PRESENCES
from train.simulate import truth

HOUSE = Path(priorrg.__file__).parent
SCRIPTS = HOUSE.parent / "assets" / "ui"

# Files that speak to nobody on the page, and to whom they do. Every other file of priorrg is looked at, new ones too.
NOT_FOR_READERS = {
    "__main__.py": "whoever types a command",
    "app.py": "whoever starts the app",
    "exit_status.py": "whoever types a command",
    "settings.py": "whoever starts the app",
    "feedback/export.py": "whoever exports feedback from a terminal",
    "ui/server/metrics.py": "whoever runs the server",
    "model/configuration.py": "whoever starts the app with weights, or trains",
    "model/published.py": "whoever imports a checkpoint",
    "reporting/loading.py": "whoever starts the app with weights",
    "reporting/kept.py": "whoever fetches weights",
    "reporting/passing_on.py": "whoever sends weights to the hub",
    "reporting/weights_check.py": "whoever checks weights",
    "model/hub.py": "whoever fetches weights",
    "weights_commands.py": "whoever types a command",
    "many/commands.py": "whoever types a command",
    "pacs/commands.py": "whoever types a command",
    "sessions/protocol.py": "whoever writes a protocol",
    "sessions/cases.py": "whoever brings the cases of a session",
    "sessions/session.py": "whoever sets up a session",
    "sessions/store.py": "whoever sets up a session; what a reader is told stands in texts.sessions",
    "sessions/commands.py": "whoever types a command",
    "sessions/progress.py": "whoever types a command",
    "sessions/links.py": "whoever sets up a session",
    "sessions/imported.py": "whoever takes over feedback",
    "sessions/tables.py": "whoever evaluates a session",
    "sessions/export.py": "whoever evaluates a session",
    "sessions/report.py": "whoever evaluates a session",
    "sessions/evaluation.py": "whoever evaluates a session",
    "sessions/hub.py": "whoever runs a session",
    "sessions/rehearse.py": "whoever rehearses a session",
}
# What is passed to one of these is for programmers, for the log, for whoever starts the app with weights or a file of
# logins, or is a standard's own word for a code.
NOT_SAID_ON_THE_PAGE = {"ValueError", "TypeError", "AssertionError", "FileNotFoundError", "RuntimeError"}
NOT_SAID_ON_THE_PAGE |= {"warning", "info", "debug", "filterwarnings"}
NOT_SAID_ON_THE_PAGE |= {"CheckpointError", "SettingsError"}
NOT_SAID_ON_THE_PAGE |= {"_coding", "CodedConcept"}
ALLOWED = {
    "Line Value of Value": "where a file of logins is wrong, for whoever starts the app",
    "Simulated radiograph, no patient": "the mark that the simulator writes into its files",
}
SQL = re.compile(r"\s*(?:ALTER|BEGIN|COMMIT|CREATE|INSERT|PRAGMA|SELECT)\b")
WORD = re.compile(r"[(\"']?[^\W\d_][\w'’-]*[.,:;!?)\"']*")
VALUE = "Value"  # stands for whatever an f-string fills in


def reads_like_a_sentence(text: str) -> bool:
    """Two words or more beside values, most of what is there; the first has a capital, or one ends with a full stop.

    Two words in capitals alone are a name of some code, `PALETTE COLOR`.
    """
    parts = text.split()
    words = [part for part in parts if WORD.fullmatch(part)]
    if len([word for word in words if VALUE not in word]) < 2 or len(words) < 0.6 * len(parts) or SQL.match(text):
        return False
    if len(words) == 2 and text.isupper():
        return False
    begins = re.sub(r"^[\W\d_]+", "", text)
    return begins[:1].isupper() or bool(re.search(r"[^\W\d_]\.(?:\s|$)", text))


def spoken(node: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, text) of every string below a node but docstrings and what is passed to NOT_SAID_ON_THE_PAGE."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Assert):
        yield from spoken(node.test)
        return
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in NOT_SAID_ON_THE_PAGE:
            return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    if isinstance(node, ast.JoinedStr):
        yield node.lineno, "".join(p.value if isinstance(p, ast.Constant) else VALUE for p in node.values)  # type: ignore[misc]
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from spoken(part.value)
        return
    for child in ast.iter_child_nodes(node):
        yield from spoken(child)


def sentences_in(code: str) -> list[tuple[int, str]]:
    found = [(line, text) for line, text in spoken(ast.parse(code)) if reads_like_a_sentence(text)]
    return [(line, text) for line, text in found if text not in ALLOWED]


def rooms() -> list[str]:
    found = [path.relative_to(HOUSE).as_posix() for path in sorted(HOUSE.rglob("*.py"))]
    return [name for name in found if name not in NOT_FOR_READERS and not name.startswith("texts/")]


@pytest.mark.parametrize("name", rooms())
def test_no_room_writes_a_sentence_for_a_reader_itself(name):
    assert sentences_in((HOUSE / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.js")))
def test_no_script_of_the_page_writes_a_sentence_itself(script):
    code = re.sub(r"(?m)(?:^|\s)//.*$", "", (SCRIPTS / script).read_text(encoding="utf-8"))
    strings = ["".join(found) for found in re.findall(r'"([^"\n]*)"|`([^`\n]*)`', code)]
    assert [text for text in strings if reads_like_a_sentence(re.sub(r"\$\{[^}]*\}", VALUE, text))] == []


@pytest.mark.parametrize(
    "code",
    [
        'raise StudyError("There is no current image.")',
        'raise ImageError(f"{called} is empty. Export it again.")',
        'note = f"{len(kept)} of {len(words)} words of the {name}"',
        'yield Progress("refining", "Refining the report")',
        'heading = "Prior image"',
        'said = f"{described}; it was no DICOM object."',
        'names = {"prior": described(prior) if prior else "None was read"}',
    ],
)
def test_a_sentence_in_the_code_is_found(code):
    assert len(sentences_in(code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        'def read():\n    """Read one radiograph. Raises ImageError."""',
        'raise CheckpointError(f"The weights in {source} do not fit.")',
        'assert number is not None, "A row has its number."',
        'connection.execute(f"INSERT INTO submission ({names}) VALUES ({values})")',
        'code = _coding(LOINC, "18748-4", "Diagnostic imaging study")',
        'COLOUR = {"RGB", "PALETTE COLOR"}',
        'Remark("no prior among files")',
        'gr.HTML(html_template=\'<div class="notes" role="status"></div>\')',
    ],
)
def test_what_no_reader_of_the_page_sees_may_stand_in_the_code(code):
    assert sentences_in(code) == []


# The texts themselves

MODULES = {name: getattr(texts, name) for name in texts.__all__}


def strings_of(value: object, name: str) -> Iterator[tuple[str, str]]:
    """(name, text) of every text in a constant."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from strings_of(inner, f"{name}[{key!r}]")
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from strings_of(inner, f"{name}[{place}]")


def all_texts() -> dict[str, str]:
    found = {}
    for name, module in MODULES.items():
        constants = {constant: value for constant, value in vars(module).items() if constant.isupper()}
        for constant, value in constants.items():
            found |= dict(strings_of(value, f"texts.{name}.{constant}"))
    return found


def fields_of(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


def test_every_template_can_be_formatted_and_names_its_fields():
    found = all_texts()
    assert len(found) > 300, "the texts were looked at"
    for name, template in found.items():
        fields = fields_of(template)
        assert all(field.isidentifier() for field in fields), f"{name} has a field without a name: {template}"
        assert "{" not in template.format(**dict.fromkeys(fields, 1000)), name


def test_scripts_are_given_plain_fields_alone():
    """They fill {name} and know no other form (assets/ui/report.js, viewer.js)."""
    for shown in (texts.report.REPORT, texts.viewer.VIEWER, texts.readings.READINGS):
        for name, template in strings_of(shown, "text"):
            for _, field, form, conversion in string.Formatter().parse(template):
                assert field is None or (form, conversion) == ("", None), name


def templates_at(node: ast.expr) -> list[str]:
    """The templates that `texts.room.NAME` or `texts.room.NAME[key]` may mean; none for any other expression."""
    key = None
    if isinstance(node, ast.Subscript):
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        node = node.value
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)):
        return []
    if not (isinstance(node.value.value, ast.Name) and node.value.value.id == "texts"):
        return []
    value = getattr(MODULES[node.value.attr], node.attr)
    return [text for _, text in strings_of(value if key is None else value[key], "")]


def test_every_template_is_given_the_fields_that_it_names():
    checked = 0
    for path in HOUSE.rglob("*.py"):
        for call in (
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
        ):
            if not (isinstance(call.func, ast.Attribute) and call.func.attr == "format"):
                continue
            given = {keyword.arg for keyword in call.keywords}
            if None in given:  # **values
                continue
            for template in templates_at(call.func.value):
                assert fields_of(template) == given, f"{path.name}, line {call.lineno}: {template}"
                checked += 1
    assert checked > 40


def test_texts_import_nothing_of_ours_but_each_other():
    for path in (HOUSE / "texts").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert path.name == "__init__.py", f"{path.name} holds texts and imports nothing"
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                others = [name for name in names if name != "priorrg.texts"]
                assert all(name.partition(".")[0] in sys.stdlib_module_names for name in others), others


def test_every_module_of_texts_is_listed():
    files = {path.stem for path in (HOUSE / "texts").glob("*.py")} - {"__init__"}
    assert set(MODULES) == files and all(isinstance(module, ModuleType) for module in MODULES.values())


def test_there_are_words_for_every_key_that_code_hands_to_a_reader():
    assert set(texts.feedback.REASONS) == set(REASONS)
    assert set(texts.report.REPORT_FINDINGS) == set(FINDINGS)
    assert set(texts.about.EVALUATED_FINDINGS) == {*truth.FINDINGS, *truth.DEVICES}
    assert set(texts.report.REPORT_CHANGES) == set(CHANGES)
    assert set(texts.report.REPORT_PRESENCE) == set(PRESENCES)


def test_what_goes_into_a_short_dicom_element_is_short():
    """LO, PS3.5 section 6.2: 64 characters at most."""
    for text in (texts.export.SERIES_DESCRIPTION, texts.export.COMPLETION, texts.export.DEIDENTIFICATION):
        assert len(text) <= 64
