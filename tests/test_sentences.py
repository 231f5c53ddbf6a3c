"""Sentences and differences of a report."""

import pytest

from priorrg.report.sentences import differences, split_sentences


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
        ("removed", "left effusion."),
        ("added", "right effusion is new."),
    ]


def test_what_is_shared_and_added_gives_the_report_back():
    draft, report = "Heart is normal. Lungs are clear.", "Lungs are clear. Heart is mildly enlarged."
    assert " ".join(change.text for change in differences(draft, report) if change.kind != "removed") == report


def test_equal_texts_have_no_differences():
    assert [change.kind for change in differences("No effusion.", "No effusion.")] == ["same"]
    assert differences("", "") == []
