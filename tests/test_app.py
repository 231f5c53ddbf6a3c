"""The page as a reader uses it: the app as it is started, headless Chromium, real files."""

import itertools
import json
import re
import shutil
import urllib.request

import pytest

from priorrg import Reporter, read_study
from priorrg.feedback.store import FeedbackStore
from tests.browsing import EXAMPLE, opened, shown, upload, wait_for_change, written


def test_two_uploads_and_a_sentence_give_a_draft_and_then_a_report(page, tmp_path):
    bare = shutil.copy(EXAMPLE / "current.dcm", tmp_path / "IM00001")  # no extension, as from a CD
    before = shown(page, "current")
    resolved = EXAMPLE.parent / "resolved-pneumothorax"
    upload(page, "current", resolved / "current.png")
    wait_for_change(page, "current", before)
    before = shown(page, "prior")
    upload(page, "prior", bare)
    wait_for_change(page, "prior", before)
    page.fill("#indication textarea", "Shortness of breath, rule out pneumothorax.")
    # Every state of the draft is noted, so that streaming is seen and not only its end.
    page.evaluate("""() => { window.drafts = new Set(); new MutationObserver(() => {
        const draft = document.querySelector('#report .draft').textContent;
        if (draft && !document.querySelector('#report .refined').textContent) window.drafts.add(draft);
    }).observe(document.querySelector('#report'), {subtree: true, childList: true, characterData: true}); }""")
    page.click("#generate")
    page.wait_for_selector("#report .sentence", timeout=60_000)
    drafts = page.evaluate("[...window.drafts]")
    assert len(drafts) > 3, "the draft came word by word before the report"
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(drafts))
    assert "Not a medical device" in page.inner_text("#report .status")


@pytest.mark.parametrize("apart_ms", [60, 120, 300])
def test_pressing_generate_again_while_it_reads_still_ends_with_a_report(page, apart_ms):
    page.click("#generate")
    page.wait_for_timeout(apart_ms)
    page.click("#generate")
    # Between the two readings the first one's sentences may stand while the second waits for its turn.
    page.wait_for_selector("#report .status:has-text('Finished')", timeout=60_000)
    page.wait_for_selector("#report .report[aria-busy=false] .sentence", timeout=60_000)


def test_a_sentence_shows_its_overlay_on_both_images(page):
    written(page)
    pictures = "() => [...document.querySelectorAll('#viewer canvas')].map(c => c.toDataURL())"
    before = page.evaluate(pictures)
    page.click("#report .sentence >> nth=0")
    page.wait_for_selector("#viewer .viewer[data-overlay=shown]")
    after = page.evaluate(pictures)
    assert before[0] != after[0] and before[1] != after[1]
    assert page.inner_text("#report .hint").startswith("Finding: where what this sentence names")
    assert page.is_visible("#viewer .legend")
    page.click("#report .sentence >> nth=0")
    assert page.evaluate(pictures) == before, "selecting it again takes the overlay away"


def test_a_file_that_is_no_image_is_refused_in_a_sentence_and_nothing_is_lost(page, tmp_path):
    letter = tmp_path / "letter.dcm"
    letter.write_text("Dear colleague, thank you for referring this patient.", encoding="utf-8")
    page.fill("#indication textarea", "Something I typed.")
    before = shown(page, "current")
    upload(page, "current", letter)
    page.wait_for_function("() => document.querySelector('#problem .problem').textContent.length > 0")
    said = page.inner_text("#problem .problem")
    assert said.startswith("Current image:") and "kept" in said and "Traceback" not in said
    assert shown(page, "current") == before
    assert page.input_value("#indication textarea") == "Something I typed."


def test_no_prior_and_no_context_are_fine(page):
    page.click("#remove-prior")
    page.wait_for_selector("#viewer .viewer[data-prior='']")
    page.fill("#indication textarea", "")
    page.fill("#history textarea", "")
    page.click("#generate")
    page.wait_for_selector("#report .sentence", timeout=60_000)


def test_the_refined_report_takes_the_drafts_place_and_its_changes_can_be_hidden(page):
    written(page)
    assert page.is_visible("#report .refined") and not page.is_visible("#report .draft")
    page.click("#report .views >> text=Coarse draft")
    assert page.is_visible("#report .draft") and not page.is_visible("#report .refined")
    example = json.loads((EXAMPLE / "study.json").read_text(encoding="utf-8"))
    texts = {name: example[name] for name in ("indication", "history")}
    meant = Reporter.load().report(read_study(EXAMPLE / "current.dcm", EXAMPLE / "prior.dcm", **texts))
    assert " ".join(page.inner_text("#report .draft").split()) == meant.draft, "whole, with all that was taken back"
    page.click("#report .views >> text=Refined report")
    page.uncheck("#report .show-changes input")
    assert page.query_selector("#report .refined :is(ins, del)") is None


def test_arrow_keys_and_the_table_select_sentences(page):
    written(page)
    page.click("#report .sentence >> nth=0")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute("#report .sentence >> nth=1", "aria-pressed") == "true"
    assert page.evaluate("document.activeElement.closest('.sentence-row').dataset.row") == "1"
    row = page.locator("#report .glance tbody tr").last
    number = row.get_attribute("data-row")
    row.click()
    assert page.get_attribute(f"#report [data-row='{number}'] .sentence", "aria-pressed") == "true"
    mark = page.get_attribute("#report .sure >> nth=0", "aria-label")
    assert mark.startswith("Confidence: ") and "%" in mark


def test_a_sentence_is_edited_in_place_and_the_correction_starts_from_it(page):
    written(page)
    page.wait_for_function("() => document.querySelector('#corrected textarea').value")  # it comes after the overlays
    first = "#report [data-row='0'] "
    before, correction = page.inner_text(first + ".sentence"), page.input_value("#corrected textarea")
    page.click("#report .sentence >> nth=0")
    page.keyboard.press("F2")
    page.keyboard.press("Control+a")
    page.keyboard.type("New large right pneumothorax.")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#corrected textarea').value.startsWith('New large right pneumothorax.')"
    )
    page.wait_for_selector("#report .glance >> text=pneumothorax")
    assert page.inner_text(first + ".tag.edited") == "edited"
    hint = "(text) => document.querySelector('#report .hint').textContent.startsWith(text)"
    page.wait_for_function(hint, arg="Finding: where what this sentence names")  # in the reader's own words too
    page.click("#method label >> nth=1")  # a new payload of the same report
    page.wait_for_function(hint, arg="This sentence is yours")
    assert page.inner_text(first + ".sentence") == "New large right pneumothorax."
    page.click(first + "[data-role=undo]")
    assert page.inner_text(first + ".sentence") == before
    page.wait_for_function("(text) => document.querySelector('#corrected textarea').value === text", arg=correction)


def test_a_double_click_edits_its_sentence_though_the_rows_move_at_its_first_click(page):
    """The tools of the chosen sentence come, those of the one before go: Delete lies under the pointer then."""
    written(page)
    page.click("#report .sentence >> nth=0")
    delete = page.locator("#report [data-row='0'] [data-role=remove]").bounding_box()
    second = page.locator("#report [data-row='1'] .sentence").bounding_box()
    page.mouse.dblclick(delete["x"] + delete["width"] / 2, second["y"] + 0.75 * second["height"])
    page.wait_for_selector("#report [data-row='1'] textarea")
    assert page.query_selector("#report .sentence-row.removed") is None


def test_four_readings_stand_side_by_side(page):
    written(page)
    page.click("#compare")
    page.wait_for_function(
        "() => document.querySelector('#readings .readings').getAttribute('aria-busy') === 'false'"
        " && document.querySelectorAll('#readings .reading-text').length === 4",
        timeout=60_000,
    )
    assert page.inner_text("#readings .reading >> nth=1").startswith("Without the prior")
    assert page.query_selector("#readings .reading:nth-child(2) :is(ins, del)") is not None
    page.click("#remove-prior")
    page.wait_for_selector("#readings .readings", state="hidden")


def test_text_that_looks_like_code_stays_text(page):
    page.evaluate("window.ran = false")
    attack = "${window.ran = true} {{value}} <img src=x onerror='window.ran = true'>"
    page.fill("#indication textarea", attack)
    written(page)
    assert page.evaluate("window.ran") is False


def test_feedback_is_kept_at_once_and_survives_a_reload(app, page):
    written(page)
    page.click("#report .sentence >> nth=0")
    page.select_option("#report .mark >> nth=0", "wrong severity")
    page.fill("#comment textarea", "Read by the test.")
    count = FeedbackStore(app.feedback).count()
    page.click("#send button, button#send")
    page.wait_for_selector("#feedback-said .problem >> text=Choose a rating")
    assert page.input_value("#comment textarea") == "Read by the test.", "nothing is lost when the rating is missing"
    page.click("#rating label >> nth=2")
    page.click("#send button, button#send")
    page.wait_for_selector("#feedback-said >> text=Kept as number")
    rows = FeedbackStore(app.feedback).rows()
    assert len(rows) == count + 1
    kept = rows[-1].feedback
    assert (kept.rating, kept.comment, kept.marks[0].reason) == (3, "Read by the test.", "wrong severity")
    assert kept.marks[0].sentence in kept.refined_report

    page.wait_for_selector("#send", state="hidden")
    assert "1 sentence marked as wrong" in page.inner_text("#feedback-said")
    page.click("#feedback-said button >> text=Change it")
    page.wait_for_selector("#send >> text=Send the change")
    assert page.input_value("#comment textarea") == "Read by the test.", "it goes on from what was sent"
    page.click("#rating label >> nth=0")
    page.click("#send button, button#send")
    page.wait_for_selector(f"#feedback-said >> text=in the place of number {rows[-1].number}")
    rows = FeedbackStore(app.feedback).rows()
    assert len(rows) == count + 2 and rows[-1].feedback.revises == rows[-2].number
    assert rows[-1].feedback.rating == 1 and rows[-1].feedback.marks == kept.marks and rows[-2].feedback == kept
    page.click("#report .sentence >> nth=1")
    page.select_option("#report .mark >> nth=1", "other")
    page.wait_for_selector("#send >> text=Send the change", timeout=5000)  # who marks on changes what was sent


def test_old_corrections_never_stand_beside_new_films(page):
    written(page)
    page.wait_for_function("() => document.querySelector('#corrected textarea').value")
    page.fill("#corrected textarea", "Mine.")
    page.fill("#comment textarea", "Of the first study.")
    page.click("#rating label >> nth=2")
    page.wait_for_timeout(1500)  # what is typed goes to the server twice a second
    page.on("dialog", lambda dialog: dialog.accept())
    before = shown(page, "current")
    page.click("#example-resolved-pneumothorax")
    wait_for_change(page, "current", before)
    page.wait_for_function("() => !document.querySelector('#corrected textarea').value")
    assert page.input_value("#comment textarea") == "" and not page.is_checked("#rating input >> nth=2")
    assert page.input_value("#unsent textarea") == "Mine.\n\nOf the first study.", "nobody's words are lost"


def test_a_change_after_the_report_marks_it_as_out_of_date(page):
    written(page)
    page.click("#generate")  # nothing was changed: nothing is said
    written(page)
    assert page.inner_text("#said-at-generate .said") == ""
    asked = page.input_value("#indication textarea")
    page.fill("#indication textarea", "Fall down stairs.")
    page.wait_for_selector("#said-at-generate >> text=before you changed the indication")
    page.fill("#history textarea", "Heavy smoker.")
    page.wait_for_selector("#said-at-generate >> text=changed the indication and the history")
    page.fill("#indication textarea", asked)
    page.wait_for_selector("#said-at-generate >> text=before you changed the history")
    written(page)
    page.wait_for_selector("#said-at-generate .said", state="hidden")
    page.fill("#indication textarea", "x" * 2001)
    page.click("#generate")
    page.wait_for_selector("#said-at-generate >> text=Shorten it")


def test_a_translated_reason_and_change_are_shown_and_the_reasons_key_is_kept(app, page):
    """The page as a translator would leave it: other words in the texts that it is given, the same keys."""

    def translated(route):
        answer = route.fetch()
        body = re.sub(r'("wrong severity": ?)"wrong severity"', r'\1"Schweregrad falsch"', answer.text())
        body = re.sub(r'("larger": ?)"larger"', r'\1"größer"', body)
        route.fulfill(response=answer, body=body)

    page.route(re.compile(r"/(config)?$"), translated)
    page.goto(app.address)
    page.wait_for_selector("#viewer .viewer[data-current]:not([data-current=''])")
    written(page)
    assert "größer" in page.inner_text("#report .tag.change.larger >> nth=0")
    page.click("#report .sentence >> nth=0")
    page.select_option("#report .mark >> nth=0", label="Schweregrad falsch")
    page.click("#rating label >> nth=2")
    page.click("#send button, button#send")
    page.wait_for_selector("#feedback-said >> text=Kept as number")
    assert FeedbackStore(app.feedback).rows()[-1].feedback.marks[0].reason == "wrong severity"


def test_an_upload_does_not_stay_on_the_disk(app, page, tmp_path):
    before = shown(page, "current")
    upload(page, "current", EXAMPLE.parent / "resolved-pneumothorax" / "current.png")
    wait_for_change(page, "current", before)
    letter = tmp_path / "letter.dcm"
    letter.write_text("Dear colleague, thank you for referring this patient.", encoding="utf-8")
    upload(page, "prior", letter)
    page.wait_for_function("() => document.querySelector('#problem .problem').textContent.length > 0")
    # Gradio leaves empty files behind.
    left = [file for file in app.uploads.rglob("*") if file.is_file() and file.stat().st_size]
    assert left == []


LONG_ENOUGH_MS = 120_000


def press_at_the_sixth_word(page, button):
    """Pressed by the page itself, as soon as the draft has six words: on a busy machine a test would be too late."""
    page.evaluate(
        """button => { const text = () => document.querySelector('#report .draft').textContent, before = text();
        new MutationObserver((_, watch) => {
            if (text() === before || text().split(' ').length <= 5) return;
            watch.disconnect();
            [...document.querySelectorAll(button)].at(-1).click();
            window.pressed = button;
        }).observe(document.querySelector('#report'), {subtree: true, childList: true, characterData: true}); }""",
        button,
    )
    page.click("#generate")
    page.wait_for_function("button => window.pressed === button", arg=button, timeout=LONG_ENOUGH_MS)


def test_stop_keeps_what_stands_there_and_other_weights_are_named(browser, patient_app):
    page = opened(browser, patient_app.address)
    assert "small random weights" in page.inner_text("#notice")
    press_at_the_sixth_word(page, "#stop")
    page.wait_for_function(
        "() => document.querySelector('#report .status').textContent.startsWith('Stopped')", timeout=LONG_ENOUGH_MS
    )
    assert len(page.inner_text("#report .draft").split()) > 5
    assert page.query_selector("#report .sentence") is None
    leaving_in_the_middle_leaves_nothing_of_the_old_study(page)
    page.close()


def leaving_in_the_middle_leaves_nothing_of_the_old_study(page):
    """Gradio repeats a generator's last word when it ends: it must not come back beside what is shown by then."""
    for leave in ("#remove-prior", "#examples button", "#end"):
        press_at_the_sixth_word(page, leave)
        page.wait_for_function(
            "() => document.querySelector('#report .draft').textContent === ''"
            " && document.querySelector('#report .report').getAttribute('aria-busy') === 'false'",
            timeout=LONG_ENOUGH_MS,
        )
        page.wait_for_timeout(1500)  # in which a late word would come back
        assert page.inner_text("#report .draft") == ""
        assert page.inner_text("#report .status").startswith(("Ready", "Upload"))
        assert page.get_attribute("#report .report", "aria-busy") == "false"


def test_ending_the_session_clears_the_page(page):
    assert page.input_value("#indication textarea")
    page.click("#end")
    page.wait_for_selector("#viewer .viewer[data-current='']")
    page.wait_for_function("document.querySelector('#indication textarea').value === ''")


def test_the_page_says_what_it_is_and_asks_no_other_host(page):
    text = page.inner_text("body")
    assert "not a medical device" in text and "Learned from simulated radiographs only" in text
    assert page.outside == []
    assert page.evaluate("JSON.stringify({...localStorage})").find("breath") == -1


@pytest.mark.parametrize("width", [390, 1920])
def test_the_page_fits_narrow_and_wide_screens(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_function("width => window.innerWidth === width", arg=width)
    page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


def test_another_site_may_not_read_the_answers(app):
    request = urllib.request.Request(f"{app.address}/config", headers={"Origin": "http://evil.example"})
    with urllib.request.urlopen(request) as answer:
        assert answer.headers.get("access-control-allow-origin") is None


@pytest.fixture
def client(app):
    from gradio_client import Client

    return Client(app.address, verbose=False)


def test_a_program_cannot_name_a_file_of_the_server(app):
    file = {"path": str(EXAMPLE / "current.dcm"), "meta": {"_type": "gradio.FileData"}}
    body = json.dumps({"data": [file, None, *[""] * 9]}).encode()
    call = urllib.request.Request(
        f"{app.address}/gradio_api/call/report", data=body, headers={"Content-Type": "application/json"}
    )
    program = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with program.open(call) as answer:
        number = json.loads(answer.read())["event_id"]
    with program.open(f"{app.address}/gradio_api/call/report/{number}") as answer:
        said = answer.read().decode()
    assert "event: error" in said and "refined_report" not in said
    assert (EXAMPLE / "current.dcm").is_file()


def test_a_program_gets_the_sentence_for_a_missing_image(client):
    with pytest.raises(Exception, match="no current image"):
        client.predict(current=None, prior=None, indication="", history="", view="", prior_view="", api_name="/report")


def test_the_named_endpoint_reads_a_study(client):
    from gradio_client import handle_file

    answer = client.predict(
        current=handle_file(str(EXAMPLE / "current.dcm")),
        prior=handle_file(str(EXAMPLE / "prior.dcm")),
        indication="Evaluate for effusion.",
        history="",
        view="",
        prior_view="",
        api_name="/report",
    )
    assert "effusion" in answer["refined_report"] and "not a medical device" in answer["note"]
