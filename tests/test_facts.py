"""What a sentence of a report says, in the wordings that reports use; traps among them."""

import pytest

from priorrg.report.facts import change_tag, read_facts


@pytest.mark.parametrize(
    ("sentence", "presence"),
    [
        ("No focal consolidation, large pleural effusion, or pneumothorax.", "absent"),
        ("No pneumothorax, new effusion, or edema.", "absent"),
        ("Pneumothorax was ruled out.", "absent"),
        ("There isn't a pneumothorax.", "absent"),
        ("Effusions: none.", "absent"),
        ("The lungs are free from edema.", "absent"),
        ("Pneumothorax is unlikely.", "possible"),
        ("Rule out pneumothorax.", "possible"),
        ("History of pneumothorax.", "possible"),
    ],
)
def test_what_is_denied_or_doubted_in_other_words_is_not_called_present(sentence, presence):
    assert {fact.presence for fact in read_facts(sentence)} == {presence}


def said(sentence: str) -> list[tuple[str, str, str, str]]:
    return [(fact.finding, fact.side, fact.presence, fact.change) for fact in read_facts(sentence)]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Small left pleural effusion.", [("effusion", "left", "present", "")]),
        (
            "Right lung is clear, small effusion on the left.",
            [("opacity", "", "absent", ""), ("effusion", "left", "present", "")],
        ),
        ("There is a moderate right pneumothorax.", [("pneumothorax", "right", "present", "")]),
        ("Pleural effusions are seen on both sides.", [("effusion", "bilateral", "present", "")]),
        ("Effusions, right greater than left.", [("effusion", "bilateral", "present", "")]),
        ("Bibasilar atelectasis.", [("atelectasis", "bilateral", "present", "")]),
        ("Left lower lobe consolidation.", [("opacity", "left", "present", "")]),
        ("The heart is mildly enlarged.", [("cardiomegaly", "", "present", "")]),
        ("Mild enlargement of the heart.", [("cardiomegaly", "", "present", "")]),
        ("The cardiac silhouette is moderately enlarged.", [("cardiomegaly", "", "present", "")]),
        ("2.5 cm nodule in the right upper zone.", [("nodule", "right", "present", "")]),
        ("Hyperinflated lungs.", [("hyperinflation", "", "present", "")]),
        ("Fractures of the right fifth and sixth ribs.", [("fracture", "right", "present", "")]),
        ("Mild pulmonary vascular congestion.", [("edema", "", "present", "")]),
        ("A right PICC line ends in the right atrium.", [("central venous catheter", "right", "present", "")]),
        ("Pacemaker leads end in the right atrium and right ventricle.", [("pacemaker", "", "present", "")]),
        ("The endotracheal tube ends 4 cm above the carina.", [("endotracheal tube", "", "present", "")]),
        ("Opacity in the left lower zone, concerning for pneumonia.", [("opacity", "left", "present", "")]),
    ],
)
def test_a_finding_is_read_with_its_side(sentence, expected):
    assert said(sentence) == expected


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("No pneumothorax.", ["pneumothorax"]),
        ("There is no evidence of pulmonary edema.", ["edema"]),
        ("No focal consolidation, pleural effusion, or pneumothorax.", ["opacity", "effusion", "pneumothorax"]),
        ("No pleural effusion is seen.", ["effusion"]),
        ("A pneumothorax is not identified.", ["pneumothorax"]),
        ("Lungs are well expanded and clear.", ["opacity"]),
        ("Heart size is normal.", ["cardiomegaly"]),
        ("The heart is normal in size.", ["cardiomegaly"]),
        ("Neither effusion nor pneumothorax.", ["effusion", "pneumothorax"]),
        ("The costophrenic angles are sharp.", ["effusion"]),
        ("No suspicious nodule.", ["nodule"]),
        ("No central venous catheter is seen.", ["central venous catheter"]),
        ("No new consolidation.", ["opacity"]),
    ],
)
def test_what_is_denied_is_absent(sentence, names):
    assert said(sentence) == [(name, "", "absent", "") for name in names]


@pytest.mark.parametrize(
    ("sentence", "change"),
    [
        ("Small left effusion, unchanged since the prior study.", "unchanged"),
        ("No change in the small effusion.", "unchanged"),
        ("No significant interval change in the left effusion.", "unchanged"),
        ("The effusion has not significantly changed.", "unchanged"),
        ("Persistent right effusion.", "unchanged"),
        ("New left effusion.", "new"),
        ("Interval development of a small left effusion.", "new"),
        ("Left effusion, not seen before.", "new"),
        ("The effusion has increased in the interval.", "larger"),
        ("Interval worsening of moderate left pleural effusion.", "larger"),
        ("The effusion is smaller than before.", "smaller"),
        ("Interval improvement of the effusion.", "smaller"),
        ("The effusion has nearly completely resolved.", "smaller"),
        ("Persistent but smaller left effusion.", "smaller"),
    ],
)
def test_a_change_is_read_and_the_finding_is_there(sentence, change):
    (fact,) = read_facts(sentence)
    assert (fact.finding, fact.presence, fact.change) == ("effusion", "present", change)
    assert change_tag(read_facts(sentence)) == change


@pytest.mark.parametrize(
    "sentence",
    [
        "The left pneumothorax is no longer seen.",
        "The left pneumothorax has resolved.",
        "Interval resolution of the left pneumothorax.",
        "The previously seen left pneumothorax is no longer present.",
        "No residual left pneumothorax.",
        "The left pneumothorax has cleared.",
    ],
)
def test_what_has_gone_is_resolved_and_not_absent(sentence):
    assert said(sentence) == [("pneumothorax", "left", "resolved", "resolved")]


@pytest.mark.parametrize(
    "sentence",
    [
        "A small pneumothorax cannot be excluded.",
        "Possible small pneumothorax.",
        "There may be a small pneumothorax.",
        "Findings are suspicious for pneumothorax.",
        "Pneumothorax is not excluded.",
        "A tiny pneumothorax is possible.",
    ],
)
def test_what_is_in_doubt_is_possible(sentence):
    assert said(sentence) == [("pneumothorax", "", "possible", "")]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (
            "Right chest tube in place without pneumothorax.",
            [("chest drain", "right", "present", ""), ("pneumothorax", "", "absent", "")],
        ),
        (
            "Small right effusion and left lower lobe atelectasis.",
            [("effusion", "right", "present", ""), ("atelectasis", "left", "present", "")],
        ),
        (
            "Effusion on the right, atelectasis at the left base.",
            [("effusion", "right", "present", ""), ("atelectasis", "left", "present", "")],
        ),
        (
            "Unchanged left effusion, but the opacity is new.",
            [("effusion", "left", "present", "unchanged"), ("opacity", "", "present", "new")],
        ),
        (
            "Left effusion and atelectasis are unchanged.",
            [("effusion", "left", "present", "unchanged"), ("atelectasis", "left", "present", "unchanged")],
        ),
        (
            "There is no effusion and there is a new opacity.",
            [("effusion", "", "absent", ""), ("opacity", "", "present", "new")],
        ),
        ("No pneumothorax; mild edema.", [("pneumothorax", "", "absent", ""), ("edema", "", "present", "")]),
        (
            "Small effusion is unchanged and opacity has decreased.",
            [("effusion", "", "present", "unchanged"), ("opacity", "", "present", "smaller")],
        ),
        ("The endotracheal tube has been removed.", [("endotracheal tube", "", "resolved", "resolved")]),
        ("Nasogastric tube in place, repositioned.", [("nasogastric tube", "", "present", "moved")]),
        (
            "The nasogastric tube ends in the esophagus and should be advanced, new.",
            [("nasogastric tube", "", "present", "new")],
        ),
        (
            "The nasogastric tube ends in the esophagus and should be advanced.",
            [("nasogastric tube", "", "present", "")],
        ),
        (
            "Retrocardiac opacity may represent atelectasis.",
            [("opacity", "", "present", ""), ("atelectasis", "", "possible", "")],
        ),
    ],
)
def test_each_finding_of_a_sentence_keeps_its_own_side_denial_and_change(sentence, expected):
    assert said(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "",
        "No acute cardiopulmonary abnormality.",
        "No mass effect.",
        "Small pericardial effusion.",
        "Compared with ___.",
    ],
)
def test_what_names_no_finding_gives_none(sentence):
    assert said(sentence) == []
