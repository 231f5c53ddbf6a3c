"""Sentences and differences of a report."""

import pytest

from priorrg.report.sentences import EditedSentence, differences, edited_text, split_sentences


def sentences(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    "sentence",
    [
        "The tube ends 2.5 cm above the carina.",
        "Fracture of rib No. 3 is unchanged.",
        "The nodule measures approx. 8 mm.",
        "Opacity, e.g. pneumonia, is new.",
        "1. The heart is normal.",
        "Compared with the study of ___, the effusion is larger.",
        "Is there a pneumothorax?",
        "a sentence that was cut off in the mid",
    ],
)
def test_one_sentence_stays_one(sentence):
    assert sentences(sentence) == [sentence]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The heart is large. No effusion.", ["The heart is large.", "No effusion."]),
        ("the heart is large. no effusion", ["the heart is large.", "no effusion"]),
        ("Pneumothorax: no. Heart normal.", ["Pneumothorax: no.", "Heart normal."]),
        ("It measures 3. No effusion.", ["It measures 3.", "No effusion."]),
        ('He said "clear." Lungs are not.', ['He said "clear."', "Lungs are not."]),
        ("FINDINGS\n\nLungs are clear.", ["FINDINGS", "Lungs are clear."]),
        ("Heart of 5.5 cm.  \n Lungs clear.", ["Heart of 5.5 cm.", "Lungs clear."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text, expected):
    assert sentences(text) == expected


def test_a_sentence_knows_where_it_stands_even_when_said_twice():
    text = " No effusion. No effusion.\nNo pneumothorax."
    found = split_sentences(text)
    assert [text[sentence.start : sentence.end] for sentence in found] == [sentence.text for sentence in found]
    assert [sentence.start for sentence in found] == [1, 14, 27]


def test_differences_name_what_refining_removed_and_added():
    found = differences("A small left effusion.", "A small right effusion is new.")
    assert [(change.kind, change.text) for change in found] == [
        ("same", "A small"),
        ("removed", "left"),
        ("added", "right"),
        ("same", "effusion"),
        ("added", "is new."),
    ]


def test_a_comma_or_a_capital_is_no_difference_and_each_text_keeps_its_own():
    draft, report = "New small effusion.", "Small effusion, new."
    found = differences(draft, report)
    assert [(part.kind, part.text) for part in found] == [
        ("removed", "New"),
        ("same", "Small effusion,"),
        ("added", "new."),
    ]
    assert " ".join(part.before or part.text for part in found if part.kind != "added") == draft
    assert " ".join(part.text for part in found if part.kind != "removed") == report
    assert [part.kind for part in differences("Heart size is 2.5 cm.", "Heart size is 25 cm.")][1:3] == [
        "removed",
        "added",
    ]


def test_what_is_shared_and_added_gives_the_report_back():
    draft, report = "Heart is normal. Lungs are clear.", "Lungs are clear. Heart is mildly enlarged."
    assert " ".join(change.text for change in differences(draft, report) if change.kind != "removed") == report


def test_equal_texts_have_no_differences():
    assert [change.kind for change in differences("No effusion.", "No effusion.")] == ["same"]
    assert differences("", "") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "\u80f8\u8154\u79ef\u6db2\u3002\u5fc3\u810f\u6b63\u5e38\u3002",
            ["\u80f8\u8154\u79ef\u6db2\u3002", "\u5fc3\u810f\u6b63\u5e38\u3002"],
        ),
        (
            "\u0647\u0644 \u062a\u063a\u064a\u0631\u061f \u0644\u0627.",
            ["\u0647\u0644 \u062a\u063a\u064a\u0631\u061f", "\u0644\u0627."],
        ),
        ("\u0e1b\u0e2d\u0e14\u0e1b\u0e01\u0e15\u0e34", ["\u0e1b\u0e2d\u0e14\u0e1b\u0e01\u0e15\u0e34"]),
    ],
    ids=["Chinese", "Arabic", "Thai"],
)
def test_sentences_of_other_scripts_end_where_they_end(text, expected):
    assert sentences(text) == expected
    written = [EditedSentence(sentence) for sentence in expected]
    assert edited_text((), written) == " ".join(s if s[-1] in ".\u3002\u061f" else f"{s}." for s in expected)
