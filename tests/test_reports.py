"""The simulated reports say what is there, read all three inputs, and are read back and scored without loss."""

import random

import pytest

from priorrg.study import ClinicalContext
from train.measure.metrics import figures_of, measure, score, text_metrics, tips_by_one_phrase
from train.measure.parsing import parse_report
from train.simulate.context import (
    ELSEWHERE,
    NEW_WORDINGS,
    QUESTIONS,
    AskedContext,
    Intent,
    Question,
    plainly,
    plan,
    read_context,
    word,
)
from train.simulate.patients import grade, sample_case
from train.simulate.reports import write_context, write_report
from train.simulate.terms import ASKS, DEVICE_TERMS, HISTORIES, TERMS
from train.simulate.truth import DEVICES, FINDINGS, Device, Finding, StudyTruth, change_of, one_sided

NOTHING = ClinicalContext()
CASES = [sample_case(seed) for seed in range(400)]


def finding(name: str, amount: float, side: str = "", zone: str = "") -> Finding:
    return Finding(name, grade(amount), amount, side, zone, 20.0 if name == "nodule" else None)


def truth(*findings: Finding, devices: tuple[Device, ...] = ()) -> StudyTruth:
    return StudyTruth(view="PA", findings=findings, devices=devices)


def asking(*topics: str, settings: tuple[str, ...] = ()) -> AskedContext:
    """A context that asks for these topics; what its words are is of no interest to the report."""
    return AskedContext("words", "", asked=topics, settings=frozenset(settings))


def written(case, seed: int, *, with_prior: bool = True) -> tuple[str, ClinicalContext]:
    rng = random.Random(seed)
    prior = case.prior.truth if with_prior else None
    context = write_context(case.current.truth, prior, rng)
    return write_report(case.current.truth, prior, context, rng), context


# What the grammar writes


def test_reports_say_what_is_there_and_nothing_else():
    for number, case in enumerate(CASES):
        report, _ = written(case, number)
        parsed = parse_report(report)
        shown = {f.key: f for f in case.current.truth.findings}
        assert parsed.findings.keys() <= shown.keys(), report
        # Mild atelectasis is now and then left out, as readers do.
        left_out = shown.keys() - parsed.findings.keys()
        assert all(key[0] == "atelectasis" and shown[key].severity == 1 for key in left_out), report
        for key, severity in parsed.findings.items():
            assert severity == (None if key[0] in ("nodule", "fracture") else shown[key].severity), report
        devices = {device.name for device in case.current.truth.devices}
        assert parsed.devices.keys() == devices, report
        assert not parsed.denied & ({key[0] for key in shown} | devices), report


def test_every_change_that_is_written_is_the_true_one():
    changes = set()
    for number, case in enumerate(CASES):
        report, _ = written(case, number)
        for key, change in parse_report(report).changes.items():
            assert change == change_of(case.current.truth.finding(key), case.prior.truth.finding(key)), report
            changes.add(change)
    assert changes == {"new", "larger", "unchanged", "smaller", "resolved"}


def test_without_a_prior_no_sentence_compares():
    compared = 0
    for number, case in enumerate(CASES):
        assert not parse_report(written(case, number, with_prior=False)[0]).compares
        compared += parse_report(written(case, number)[0]).compares
    assert compared > len(CASES) / 2


def test_every_question_is_answered_first():
    asked = set()
    for number, case in enumerate(CASES):
        report, context = written(case, number)
        topics = read_context(context).asked
        if topics:
            assert topics[0] in parse_report(report).first, (context, report)
            asked |= set(topics)
    assert asked == set(QUESTIONS)


def test_the_same_image_is_reported_otherwise_after_another_prior():
    now = truth(finding("effusion", 0.5, "left"))
    reports = {
        write_report(now, prior, NOTHING, random.Random(3))
        for prior in (None, truth(), now, truth(finding("effusion", 0.1, "left")))
    }
    changes = [parse_report(report).changes.get(("effusion", "left", "")) for report in reports]
    assert set(changes) == {None, "new", "unchanged", "larger"}


def test_the_same_images_are_reported_otherwise_in_another_context():
    tube = Device("endotracheal tube", tip_cm=4.0)
    now = truth(finding("opacity", 0.5, "right", "lower"), devices=(tube,))

    def report(*asked: str, settings: tuple[str, ...] = ()) -> str:
        return write_report(now, None, asking(*asked, settings=settings), random.Random(3))

    assert "4 cm above the carina" in report("endotracheal tube")
    assert "carina" not in report()
    assert "pneumonia" in report(settings=("infection",))
    assert "contusion" in report(settings=("trauma",))
    assert "aspiration" in report(settings=("aspiration",))
    assert "pneumothorax" in parse_report(report("pneumothorax")).first


def test_neither_answer_can_be_guessed_from_a_question():
    """Whatever is asked for is often there and often not: findings, and lines and tubes as well."""
    asked = {True: [], False: []}  # of findings, of devices
    for seed in range(1500):
        case = sample_case(seed)
        _, context = written(case, seed)
        now = case.current.truth
        shown = {f.name for f in now.findings} | {d.name for d in now.devices}
        for topic in read_context(context).asked:
            asked[topic in FINDINGS].append(topic in shown)
    for answers in asked.values():
        assert len(answers) > 200
        assert 0.25 < sum(answers) / len(answers) < 0.75


def test_wording_varies():
    sentences, reports = set(), set()
    for number, case in enumerate(CASES):
        report, _ = written(case, number)
        reports.add(report)
        sentences |= set(report.split(". "))
    assert len(reports) > 0.95 * len(CASES), "only an all but normal chest may be reported in the same words"
    assert len(sentences) > 700


def test_a_wrong_side_or_a_false_claim_in_the_context_changes_no_fact():
    """What a referrer believes is no finding: every report of a trap says what the image shows."""
    seen = set()
    for seed in range(4000):
        case = sample_case(seed)
        hard = case.current.truth.hard
        if hard not in ("wrong side", "contradiction"):
            continue
        report, context = written(case, seed)
        shown = {f.key for f in case.current.truth.findings}
        parsed = parse_report(report)
        assert parsed.findings.keys() <= shown, (context, report)
        words = f"{context.indication} {context.history}"
        seen.add(hard)
        if hard == "wrong side":
            named = {"left" if side == "right" else "right" for side in one_sided(case.current.truth.findings).values()}
            assert any(side in words.lower() for side in named), (shown, words)
        else:
            assert context.history or context.indication
    assert seen == {"wrong side", "contradiction"}


def test_what_nobody_asked_for_and_matters_little_is_left_out():
    """An unchanged mild atelectasis is named to a reader without a question, not to one with another."""
    mild = truth(finding("atelectasis", 0.25, "left"))
    plain = parse_report(write_report(mild, None, NOTHING, random.Random(1)))
    assert ("atelectasis", "left", "") in plain.findings
    assert not parse_report(write_report(mild, None, asking("fracture"), random.Random(1))).findings
    wanted = write_report(mild, None, asking("atelectasis"), random.Random(1))
    assert ("atelectasis", "left", "") in parse_report(wanted).findings


def test_wires_are_always_named_and_whoever_mentions_the_operation_hears_that_they_are_intact():
    wires = truth(devices=(Device("sternotomy wires"),))
    for context in (NOTHING, asking("fracture"), asking(settings=("surgery",))):
        report = write_report(wires, None, context, random.Random(1))
        assert "sternotomy wires" in parse_report(report).devices
        assert ("intact" in report) == ("surgery" in read_context(context).settings)


def test_a_normal_finding_is_denied_only_where_something_asks_for_it():
    """So that the question matters: without it the same images are reported without the denial."""
    now = truth(finding("cardiomegaly", 0.5))
    asked = write_report(now, None, asking("fracture"), random.Random(1))
    assert parse_report(asked).denied == {"fracture"}
    assert parse_report(write_report(now, None, NOTHING, random.Random(1))).denied == set()
    with_drain = truth(devices=(Device("chest drain", "left", 14.0),))
    assert "pneumothorax" in parse_report(write_report(with_drain, None, NOTHING, random.Random(1))).denied


# What a referrer writes


def test_a_question_about_what_is_worse_is_answered_with_its_change():
    now, before = truth(finding("edema", 0.8)), truth(finding("edema", 0.3))
    report = parse_report(write_report(now, before, asking("edema"), random.Random(2)))
    assert report.first == {"edema"} and report.changes[("edema", "", "")] == "larger"


def test_what_is_asked_is_denied_by_name_and_nothing_else_is():
    for number, case in enumerate(CASES):
        report, context = written(case, number)
        asked = read_context(context).asked
        # A line, a drain or a broken rib may have made a pneumothorax: its absence is worth a sentence to anybody.
        assert parse_report(report).denied <= {*asked, "pneumothorax"}, (context, report)


def test_many_texts_ask_nothing_or_what_no_report_can_answer():
    contexts = [written(case, number)[1] for number, case in enumerate(CASES)]
    silent = [c for c in contexts if c.indication and not read_context(c).asked]
    assert 0.15 < len(silent) / len(CASES) < 0.4
    some = truth(finding("cardiomegaly", 0.5))
    for context in (AskedContext("?fracture of clavicle"), AskedContext("Pre-op")):
        assert not parse_report(write_report(some, None, context, random.Random(1))).denied


@pytest.mark.parametrize("new", ["", *NEW_WORDINGS])
def test_one_intent_asks_the_same_in_every_wording(new):
    for seed in range(200):
        now, before = CASES[seed].current.truth, CASES[seed].prior.truth
        intent = plan(now, before, random.Random(seed))
        topics = [q.topic for q in intent.questions if q.topic != ELSEWHERE]
        context = word(intent, now, random.Random(seed), new)
        assert list(read_context(context).asked) == topics
        assert {*intent.settings} <= read_context(context).settings


def test_words_that_are_kept_back_reach_no_training():
    asked = Intent((Question("effusion"),), has_indication=True)
    known = {word(asked, truth(), random.Random(seed)).indication.lower() for seed in range(3000)}
    assert len(known) > 800, "hundreds of wordings a topic"
    for phrase in ASKS.kept_back:
        start = phrase.split("{x}")[0].strip().lower()
        assert not start or len(start) < 3 or not any(text.startswith(f"{start} ") for text in known), phrase
    every = [words for table in (TERMS, DEVICE_TERMS, HISTORIES) for words in table.values()]
    assert all(words.kept_back and not set(words.known) & set(words.kept_back) for words in every)
    new = {word(asked, truth(), random.Random(seed), NEW_WORDINGS[2]).indication.lower() for seed in range(300)}
    assert not new & known


def test_what_asks_the_same_has_one_plain_wording():
    first, second = asking("effusion", "edema"), AskedContext("?eff ?chf", "x", asked=("effusion", "edema"))
    assert plainly(read_context(first)) == plainly(read_context(second))
    assert plainly(read_context(first)).indication == "Evaluate for pleural effusion, evaluate for pulmonary edema."
    assert plainly(read_context(NOTHING)) == NOTHING


def test_one_seed_writes_one_report():
    assert written(CASES[0], 5) == written(CASES[0], 5)
    assert len({written(CASES[0], seed)[0] for seed in range(20)}) > 10


# What the parser reads


@pytest.mark.parametrize(
    ("sentence", "key", "severity"),
    [
        ("There is a small left pleural effusion.", ("effusion", "left", ""), 1),
        ("Large right pneumothorax.", ("pneumothorax", "right", ""), 3),
        ("Extensive opacity in the right upper zone, concerning for pneumonia.", ("opacity", "right", "upper"), 3),
        ("2.5 cm nodule in the left mid zone, CT is advised.", ("nodule", "left", "mid"), None),
        ("Moderate left basilar atelectasis.", ("atelectasis", "left", ""), 2),
        ("There is severe pulmonary edema.", ("edema", "", ""), 3),
        ("The heart is moderately enlarged.", ("cardiomegaly", "", ""), 2),
    ],
)
def test_a_finding_is_read_with_place_and_severity(sentence, key, severity):
    parsed = parse_report(sentence)
    assert parsed.findings == {key: severity}
    assert not parsed.denied and not parsed.changes and not parsed.compares


def test_both_sides_are_two_findings():
    parsed = parse_report("There are small bilateral pleural effusions, new.")
    assert parsed.findings == {("effusion", "right", ""): 1, ("effusion", "left", ""): 1}
    assert set(parsed.changes.values()) == {"new"} and len(parsed.changes) == 2


@pytest.mark.parametrize(
    ("sentence", "denied"),
    [
        ("No pleural effusion or pneumothorax.", {"effusion", "pneumothorax"}),
        ("There is no pulmonary edema.", {"edema"}),
        ("Heart size is normal.", {"cardiomegaly"}),
        ("No endotracheal tube is seen.", {"endotracheal tube"}),
    ],
)
def test_a_denial_is_no_finding(sentence, denied):
    parsed = parse_report(sentence)
    assert parsed.denied == denied and not parsed.findings and not parsed.devices


@pytest.mark.parametrize(
    ("words", "change"),
    [
        ("new since the prior study", "new"),
        ("worse than on the prior study", "larger"),
        ("similar to before", "unchanged"),
        ("improved since the prior study", "smaller"),
    ],
)
def test_a_change_is_read(words, change):
    parsed = parse_report(f"Small left pleural effusion, {words}.")
    assert parsed.changes == {("effusion", "left", ""): change}
    assert parsed.compares


@pytest.mark.parametrize(
    "sentence",
    [
        "The left pleural effusion has resolved.",
        "The left pleural effusion seen on the prior study is no longer present.",
    ],
)
def test_what_has_resolved_is_not_present(sentence):
    parsed = parse_report(sentence)
    assert parsed.changes == {("effusion", "left", ""): "resolved"} and not parsed.findings


def test_devices_are_read_with_side_tip_and_change():
    parsed = parse_report(
        "The endotracheal tube ends 3 cm above the carina, repositioned. Right central venous catheter tip is in the "
        "superior vena cava. The nasogastric tube has been removed."
    )
    assert parsed.devices == {"endotracheal tube": "", "central venous catheter": "right"}
    assert parsed.tips == {"endotracheal tube": "3", "central venous catheter": "superior vena cava"}
    assert parsed.device_changes == {"endotracheal tube": "moved", "nasogastric tube": "removed"}


@pytest.mark.parametrize("text", ["", "   ", "!!!", "Hello there. This is no report at all."])
def test_other_text_holds_no_facts(text):
    parsed = parse_report(text)
    assert not (parsed.findings or parsed.changes or parsed.denied or parsed.devices or parsed.compares)


# What the metrics count


def scored(references, hypotheses, has_prior=None, contexts=None):
    count = len(references)
    return score(
        references,
        hypotheses,
        contexts or [NOTHING] * count,
        has_prior or [True] * count,
        [str(n) for n in range(count)],
    )


REPORT = "Small left pleural effusion, new. The heart is mildly enlarged, stable. No pneumothorax."


def test_a_perfect_report_scores_one():
    figures = scored([REPORT] * 3, [REPORT] * 3)
    for name in ("finding_micro_f1", "change_micro_f1", "severity", "laterality"):
        assert figures[name] == 1
    assert figures["text"]["bleu_4"] == figures["text"]["rouge_l"] == pytest.approx(1)
    assert figures["interval"]["finding_micro_f1"] == (1, 1)


def test_f1_counts_hits_inventions_and_misses():
    """Two of three true findings hit, one invented: 2 * 2 / (2 * 2 + 1 + 1)."""
    reference = "Small left pleural effusion. The heart is mildly enlarged. Mild pulmonary edema."
    guess = "Small left pleural effusion. The heart is mildly enlarged. Small right pneumothorax."
    figures = scored([reference], [guess])
    assert figures["finding_micro_f1"] == pytest.approx(4 / 6)
    assert figures["by_finding"]["edema"]["recall"] == 0
    assert figures["by_finding"]["pneumothorax"]["precision"] == 0
    assert figures["by_finding"]["effusion"]["f1"] == 1


def test_the_wrong_side_is_no_hit():
    figures = scored(["Small left pleural effusion."], ["Small right pleural effusion."])
    assert figures["finding_micro_f1"] == 0 == figures["laterality"]


def test_a_side_that_goes_unnamed_is_missed_and_not_wrong():
    figures = scored(["Small bilateral pleural effusions."], ["Small left pleural effusion."])
    assert figures["laterality"] == 1 and figures["by_finding"]["effusion"]["recall"] == 0.5
    assert scored(["Small left pleural effusion."], ["Small bilateral pleural effusions."])["laterality"] == 0


def test_the_wrong_change_or_severity_is_counted_apart():
    figures = scored(["Small left pleural effusion, new."], ["Moderate left pleural effusion, stable."])
    assert (figures["finding_micro_f1"], figures["change_micro_f1"], figures["severity"]) == (1, 0, 0)
    assert figures["severity_within_one"] == 1
    assert scored(["Small left pleural effusion."], ["Large left pleural effusion."])["severity_within_one"] == 0


def test_a_nodule_has_no_severity_to_be_right_about():
    figures = scored(["1.0 cm nodule in the left mid zone."], ["4.5 cm nodule in the left mid zone."])
    assert figures["finding_micro_f1"] == 1 and figures["severity"] is None


def test_what_became_of_a_device_is_counted():
    reference = "Endotracheal tube is in place, repositioned. The nasogastric tube has been removed."
    figures = scored([reference], ["Endotracheal tube is in place, unchanged. The nasogastric tube has been removed."])
    assert (figures["device_change"], figures["repositioned"]) == (0.5, 0)


@pytest.mark.parametrize(
    ("device", "tip_cm", "said", "exact", "within"),
    [
        ("endotracheal tube", 3.4, "The endotracheal tube ends 3 cm above the carina.", 1, 1),
        ("endotracheal tube", 3.4, "The endotracheal tube ends 4 cm above the carina.", 0, 1),
        ("endotracheal tube", 3.4, "The endotracheal tube ends 5 cm above the carina.", 0, 0),
        ("endotracheal tube", 0.8, "The endotracheal tube ends in the right main bronchus.", 0, 1),
        ("endotracheal tube", 3.4, "Endotracheal tube is in place.", 0, 0),
        ("endotracheal tube", 3.4, "No endotracheal tube is seen.", 0, 0),
        ("central venous catheter", 0.3, "Central venous catheter tip is in the superior vena cava.", 0, 1),
        ("central venous catheter", -0.3, "Central venous catheter tip is in the superior vena cava.", 0, 0),
        ("central venous catheter", -0.3, "Central venous catheter tip is at the cavoatrial junction.", 1, 1),
        ("chest drain", 8.7, "The chest drain ends at the base.", 0, 1),
        ("nasogastric tube", 2.0, "The nasogastric tube ends in the esophagus and should be advanced.", 0, 0),
    ],
)
def test_a_tip_is_right_to_the_word_or_within_a_centimetre(device, tip_cm, said, exact, within):
    asks = asking(device)
    reference = write_report(truth(devices=(Device(device, tip_cm=tip_cm),)), None, asks, random.Random(0))
    figures = figures_of(measure([reference], [said], [asks], [False], ["a"], tips_cm=[{device: tip_cm}]))
    assert (figures["tips"], figures["tips_within_1_cm"]) == (exact, within), reference


def test_one_phrase_a_device_is_what_tips_are_held_against():
    said = [f"The endotracheal tube ends {cm} cm above the carina." for cm in (2, 3, 4, 9)]
    places = [{"endotracheal tube": tip} for tip in (2.0, 3.0, 4.0, 9.0)]
    assert tips_by_one_phrase(said, places) == 0.75, "3 cm is within 1 cm of three of them"
    assert tips_by_one_phrase(["No effusion."], [{}]) is None


def test_leads_that_all_end_alike_are_no_tips():
    report = "Left pacemaker leads end in the right atrium and right ventricle."
    assert scored([report], [report])["tips"] is None


def test_no_tip_is_scored_by_distance_where_nobody_says_where_it_lies():
    reference = "The endotracheal tube ends 3 cm above the carina."
    figures = scored([reference], [reference])
    assert (figures["tips"], figures["tips_within_1_cm"]) == (1, None)


def test_comparing_without_a_prior_is_a_false_comparison():
    figures = scored([REPORT, REPORT, REPORT], [REPORT, "No pneumothorax.", REPORT], has_prior=[False, False, True])
    assert figures["false_comparison"] == 0.5
    assert figures["compares"] == 1


def test_a_question_counts_as_answered_by_a_finding_or_a_denial():
    asks = asking("pneumothorax")
    figures = scored([REPORT] * 3, [REPORT, "Large left pneumothorax.", "Heart size is normal."], contexts=[asks] * 3)
    assert figures["answered"] == pytest.approx(2 / 3)
    assert figures["answered_first"] == pytest.approx(1 / 3)
    assert figures["answered_rightly"] == pytest.approx(1 / 3), "there is no pneumothorax"


def test_what_was_never_there_to_count_has_no_figure():
    figures = scored(["No pneumothorax."], ["No pneumothorax."])
    assert figures["finding_micro_f1"] is None and figures["tips"] is None
    assert figures["by_change"]["new"]["f1"] is None


def test_an_interval_widens_with_fewer_patients():
    good, bad = REPORT, "No pneumothorax."
    few = scored([REPORT] * 8, [good, bad] * 4)["interval"]["finding_micro_f1"]
    many = scored([REPORT] * 200, [good, bad] * 100)["interval"]["finding_micro_f1"]
    assert few[1] - few[0] > 2 * (many[1] - many[0])


def test_text_scores_fall_with_the_text():
    exact = text_metrics([REPORT], [REPORT])
    near = text_metrics([REPORT], [REPORT.replace("left", "right")])
    far = text_metrics([REPORT], ["Sternotomy wires are intact."])
    for name in ("bleu_1", "bleu_4", "rouge_l"):
        scores = [metrics[name] for metrics in (far, near, exact)]
        assert None not in scores and scores == sorted(set(scores)), name  # type: ignore[type-var]
    assert text_metrics([REPORT], [""])["bleu_1"] == 0


def test_all_findings_and_devices_have_a_row():
    figures = scored([REPORT], [REPORT])
    assert set(figures["by_finding"]) == {*FINDINGS, *DEVICES}
