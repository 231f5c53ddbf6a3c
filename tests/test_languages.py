"""The page in two languages: which one a reader gets, that nothing is missing in it, and what stays English."""

import importlib.util
import threading

import pytest

from priorrg import texts
from priorrg.ui.languages import language_of
from tests.browsing import opened, written
from tests.serving import ROOT
from tests.test_access import serious

spec = importlib.util.spec_from_file_location("words", ROOT / ".ci" / "words.py")
assert spec is not None and spec.loader is not None
words = importlib.util.module_from_spec(spec)
spec.loader.exec_module(words)

GERMAN = "de"


@pytest.mark.parametrize("language", sorted(set(texts.LANGUAGES) - {texts.ENGLISH}))
def test_no_entry_of_a_catalogue_is_missing_or_fuzzy(language):
    assert words.missing(language) == []


def test_a_text_that_no_catalogue_has_is_named(monkeypatch):
    monkeypatch.setitem(vars(texts.keep), "UNHEARD", "Nobody has translated this.")
    assert any("Nobody has translated this" in line for line in words.missing(GERMAN))


def test_texts_are_those_of_the_language_that_is_spoken_and_their_keys_stay():
    assert texts.report.READY == "Ready. Press Generate."
    with texts.speaking(GERMAN):
        assert texts.report.READY.startswith("Bereit")
        assert texts.feedback.REASONS["wrong severity"] == "falsche Ausprägung"
        assert texts.notes.REMARKS["older"].format(span="6 Tage") == "Abstand zur Voraufnahme: 6 Tage."
        with texts.speaking(texts.ENGLISH):
            assert texts.report.READY.startswith("Ready")
    assert texts.report.READY.startswith("Ready")


def test_a_note_is_told_anew_with_the_quotes_of_the_language_and_the_files_own_name():
    def said() -> str:
        return texts.imaging.EMPTY_FILE.format(called=texts.imaging.QUOTED.format(name=texts.imaging.LOSSLESS))

    english = said()
    with texts.speaking(GERMAN):
        german = said().replace(texts.imaging.LOSSLESS, "lossless")  # the name of a file is no word of ours
    assert "„lossless“" in german
    assert texts.said_anew(english, GERMAN) == german and texts.said_anew(german, texts.ENGLISH) == english


def test_one_and_several_have_their_own_forms():
    def said() -> list[str]:
        return [texts.counted(texts.notes.SPANS["days"], count) for count in (1, 6)]

    assert said() == ["1 day", "6 days"]
    with texts.speaking(GERMAN):
        assert said() == ["1 Tag", "6 Tage"]


def test_two_requests_at_once_speak_their_own_languages():
    heard = {}
    meeting = threading.Barrier(2)

    def ask(language: str) -> None:
        with texts.speaking(language):
            meeting.wait(10)
            heard[language] = texts.page.PAGE["stop"]
            meeting.wait(10)

    threads = [threading.Thread(target=ask, args=(language,)) for language in texts.LANGUAGES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == {"en": "Stop", "de": "Stopp"}


@pytest.mark.parametrize(
    ("cookies", "accepted", "language"),
    [
        ("", "", "en"),
        ("", "de", "de"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr-FR,fr;q=0.9,en;q=0.5,de;q=0.4", "en"),
        ("", "en;q=0.2, de;q=0.7", "de"),
        ("", "de;q=0, *", "en"),
        ("", "de;q=nonsense", "en"),
        ("priorrg-language=de", "en", "de"),
        ("other=1; priorrg-language=en", "de", "en"),
        ("priorrg-language=klingon", "de", "de"),
    ],
)
def test_the_switch_goes_before_the_browsers_languages(cookies, accepted, language):
    assert language_of(cookies, accepted) == language


def test_a_german_browser_gets_a_german_page_and_an_english_report(app, browser):
    context = browser.new_context(locale="de-DE")
    page = opened(context, app.address)
    assert page.evaluate("document.documentElement.lang") == "de"
    assert "Medizinprodukt" in page.inner_text("#notice") and page.inner_text("#generate") == "Befund erstellen"
    assert "auf Englisch geschrieben" in page.inner_text("#report-language")
    written(page)
    assert page.inner_text("#report .status").startswith("Fertig. Kein Medizinprodukt")
    assert page.get_attribute("#report .sentence >> nth=0", "lang") == "en"
    assert "effusion" in page.inner_text("#report .sentence >> nth=0")
    page.click("#send")
    page.wait_for_selector("#feedback-said >> text=Wählen Sie vor dem Senden eine Bewertung")

    page.click("#language button >> text=EN")  # and everything that stood there stands there in English
    page.wait_for_selector("html[lang=en]")
    page.wait_for_selector("#report .sentence")
    page.wait_for_selector("#report .status >> text=Finished. Not a medical device")
    assert page.inner_text("#generate") == "Generate" and page.locator("#report-language .said").is_hidden()
    again = opened(context, app.address)
    assert again.inner_text("#generate") == "Generate", "the choice is remembered in this browser"
    context.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_in_german_either(app, browser, theme):
    context = browser.new_context(locale="de-DE", reduced_motion="reduce")  # colours on their way are no colours
    page = opened(context, f"{app.address}/?__theme={theme}")
    written(page)
    page.click("#report .sentence >> nth=0")
    page.click("#send")
    page.wait_for_selector("#feedback-said >> text=Wählen Sie vor dem Senden eine Bewertung")
    page.fill("#indication textarea", "Sarkoidose")
    page.wait_for_selector("#said-at-generate >> text=bevor Sie die Indikation änderten")
    page.wait_for_selector("#context u >> text=Sarkoidose")
    found = serious(page)
    page.click("#viewer .viewer-tools >> text=?")
    page.wait_for_selector("dialog.viewer-help[open]")
    assert found + serious(page) == []
    context.close()
