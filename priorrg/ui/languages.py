"""In whose language the page speaks: which one a request asks for, the page in each of them, and the switch.

A Gradio page is built once, with its words in it. Here it is built once a language, and what is served is the first
one with the other's words; handlers are the first one's, and what they say is said in the language of the request
(priorrg/texts). A reader's choice is a cookie that holds nothing but its name; without one the browser's languages
decide. Programs are answered in English.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Any

import gradio as gr

from priorrg import texts
from priorrg.ui.scripts import script

COOKIE = "priorrg-language"
TEMPLATE = '<div class="language" role="group"></div>'


def language_of(cookies: str, accepted: str) -> str:
    """A key of texts.LANGUAGES. cookies, accepted: the headers Cookie and Accept-Language (RFC 9110, 12.5.4)."""
    try:
        chosen = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        chosen = None
    if chosen is not None and chosen.value in texts.LANGUAGES:
        return chosen.value
    wanted = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.partition(";")
        try:
            weighs = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        wanted.append((-weighs, place, name.strip().lower().split("-")[0]))
    known = [name for weighs, _, name in sorted(wanted) if weighs and name in texts.LANGUAGES]
    return known[0] if known else texts.ENGLISH


class LanguageMiddleware:
    """Everything that is said while a request is answered is said in its language. ENGLISH_PATHS: pages that have no
    other."""

    ENGLISH_PATHS = ("/session", "/organise", "/gradio_api/call", "/metrics")

    def __init__(self, app: Any):
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope.get("headers", ())}
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        language = language_of(headers.get(b"cookie", ""), headers.get(b"accept-language", ""))
        with texts.speaking(texts.ENGLISH if path.startswith(self.ENGLISH_PATHS) else language):
            await self.app(scope, receive, send)


class Page(gr.Blocks):
    """A page that is served in the language of whoever asks for it. others: language -> the same page built in it."""

    def __init__(self, *args: Any, **kwargs: Any):
        self.others: dict[str, dict[str, Any]] = {}
        self._config: Any = {}
        super().__init__(*args, **kwargs)

    @property
    def config(self) -> Any:
        words = self.others.get(texts.language())
        if words is None:
            return self._config
        return self._config | {"title": words["title"], "components": words["components"]}

    @config.setter
    def config(self, value: Any) -> None:
        self._config = value
        for words in self.others.values():
            words["components"] = spoken(value["components"], words["built"])

    def speak(self, language: str, built: gr.Blocks) -> None:
        """Serve this page with the words of `built`, the same page built in that language."""
        config = built.get_config_file()
        self.others[language] = {"title": config["title"], "built": config["components"], "components": []}
        self.config = self._config

    async def call_function(self, block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        """A handler, in the language of whose request it answers; for programs in English."""
        requests = kwargs.get("requests", args[2] if len(args) > 2 else None)
        request = requests[0] if isinstance(requests, list) and requests else requests
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        headers = getattr(request, "headers", None)
        language = texts.ENGLISH
        if headers is not None and function.api_visibility == "private":
            headers = {str(name).lower(): value for name, value in dict(headers).items()}
            language = language_of(headers.get("cookie", ""), headers.get("accept-language", ""))
        with texts.speaking(language):
            return await super().call_function(block_fn, *args, **kwargs)


def spoken(components: list[dict[str, Any]], words: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Components of a page with the words of the same components, built in another language."""
    if [one["type"] for one in components] != [one["type"] for one in words]:
        raise ValueError("the two pages differ in more than their words")
    return [one | {"props": other["props"]} for one, other in zip(components, words, strict=True)]


def build_each(build: Callable[[], Page]) -> Page:
    """The page with its words in every language."""
    page = build()
    for language in texts.LANGUAGES:
        if language != texts.ENGLISH:
            with texts.speaking(language):
                page.speak(language, build())
    return page


class Language:
    """The switch (assets/ui/language.js)."""

    def __init__(self) -> None:
        self.html = gr.HTML(
            {"language": texts.language(), "languages": dict(texts.LANGUAGES)},
            html_template=TEMPLATE,
            js_on_load=script("language.js"),
            elem_id="language",
            cookie=COOKIE,
            about=texts.page.LANGUAGE,
        )
