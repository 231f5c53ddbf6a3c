"""Texts are UTF-8 on every system, also where the system itself would take another encoding (Windows: a code page)."""

import ast
import urllib.request

from tests.serving import ROOT, Served

_AS_TEXT = ("text", "universal_newlines")


def opens_text(call: ast.Call) -> bool:
    """Whether a call opens a file of text, or a program's output as text, without saying how it is encoded."""
    is_method = isinstance(call.func, ast.Attribute)
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in given or None in given:
        return False
    if any(isinstance(value := given.get(flag), ast.Constant) and value.value is True for flag in _AS_TEXT):
        return True
    if name in ("read_text", "write_text"):
        return is_method
    rest = call.args[not is_method :]
    mode = given.get("mode") or (rest[0] if rest else ast.Constant("r"))
    is_text = isinstance(mode, ast.Constant) and set(str(mode.value)) <= set("rwax+t")
    return name in ("open", "fdopen") and is_text


def test_every_text_is_opened_with_its_encoding():
    files = [ROOT / "app.py", *(file for room in ("priorrg", "train", "tests") for file in (ROOT / room).rglob("*.py"))]
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and opens_text(node)
    ]
    assert len(files) > 100 and found == []


def test_the_app_starts_where_the_system_does_not_speak_utf_8(app: Served):
    """As all tests of the page use it: tests/serving.py, NO_UTF_8."""
    page = urllib.request.urlopen(app.address).read().decode("utf-8")
    assert "not a medical device" in page and "·" in page
