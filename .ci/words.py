"""The catalogues of priorrg/texts: takes new texts into each language's .po file and compiles what is translated.

A text that has gone leaves the catalogue, one that was changed keeps its translation as a proposal, marked fuzzy. Exits
with 1, naming each, while an entry is missing, fuzzy, or has other fields in braces than its English.

    python .ci/words.py [--check]     --check changes no file
"""

from __future__ import annotations

import io
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from priorrg import texts  # noqa: E402


def main(*options: str) -> int:
    troubles = []
    for language in sorted(set(texts.LANGUAGES) - {texts.ENGLISH}):
        if "--check" not in options:
            renew(language)
        troubles += [f"{language}: {trouble}" for trouble in missing(language)]
    for trouble in troubles:
        print(trouble)
    return 1 if troubles else 0


def renew(language: str) -> None:
    """Take the texts as they stand into the catalogue, and compile it."""
    folder = texts.CATALOGUES / language / "LC_MESSAGES"
    folder.mkdir(parents=True, exist_ok=True)
    catalogue, template = read(language), extracted()
    template.creation_date = catalogue.creation_date  # else each run would be a change, and two branches a conflict
    catalogue.update(template)
    catalogue.header_comment = f"# {texts.LANGUAGES[language]}: what PriorRG says to a reader (priorrg/texts)."
    catalogue.version, catalogue.msgid_bugs_address, catalogue.last_translator = "", "", ""
    catalogue.obsolete.clear()
    with (folder / f"{texts.DOMAIN}.po").open("wb") as file:
        write_po(file, catalogue, width=120, omit_header=False, ignore_obsolete=True, sort_output=False)
    (folder / f"{texts.DOMAIN}.mo").write_bytes(compiled(catalogue))


def missing(language: str) -> list[str]:
    """What is wrong with a language's catalogue, a line each; none where a reader would find every text in it."""
    catalogue, found = read(language), []
    for message in extracted():
        if not message.id:
            continue
        own = catalogue.get(message.id, message.context)
        name = f"{message.context or 'plural'}: {message.id!r}"
        if own is None or not all(_listed(own.string)):
            found.append(f"not translated: {name}")
        elif own.fuzzy:
            found.append(f"fuzzy, look at it: {name}")
        elif any(fields(said) != fields(_listed(message.id)[-1]) for said in _listed(own.string)[-1:]):
            found.append(f"other fields in braces: {name}")
    file = texts.CATALOGUES / language / "LC_MESSAGES" / f"{texts.DOMAIN}.mo"
    if not found and (not file.is_file() or file.read_bytes() != compiled(catalogue)):
        found.append("the compiled catalogue is older than the texts: run python .ci/words.py")
    return found


def read(language: str) -> Catalog:
    file = texts.CATALOGUES / language / "LC_MESSAGES" / f"{texts.DOMAIN}.po"
    if not file.is_file():
        return Catalog(language, domain=texts.DOMAIN, project="PriorRG", fuzzy=False)
    with file.open("rb") as opened:
        return read_po(opened, language, texts.DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def extracted() -> Catalog:
    """Every text that is translated, as the template of a catalogue."""
    template = Catalog(domain=texts.DOMAIN, project="PriorRG", fuzzy=False)
    for room in texts.__all__:
        module: ModuleType = getattr(texts, room)
        for name, value in vars(module).items():
            context = f"{room}.{name}"
            if name.isupper() and not {room, context} & texts.ENGLISH_ALONE:
                for text in texts_in(value):
                    is_pair = isinstance(text, tuple)
                    template.add(
                        text, ("", "") if is_pair else "", context=None if is_pair else context, auto_comments=[]
                    )
    return template


def texts_in(value: Any) -> Iterator[str | tuple[str, str]]:
    """The texts of a constant: strings, and pairs of one and several."""
    if isinstance(value, str | tuple):
        if value:
            yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_in(one)


def fields(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


def _listed(words: Message | str | tuple[str, ...] | list[str]) -> list[str]:
    return list(words) if isinstance(words, list | tuple) else [str(words)]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
