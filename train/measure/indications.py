"""Indications as people type them, with what they ask and mention. Kept back: no training reads them, nor their like.

Written by hand, after request forms and not after the simulator's grammar, of which some words coincide.
"""

from __future__ import annotations

from train.simulate.context import AskedContext


def _typed(indication: str, *asked: str, history: str = "", settings: tuple[str, ...] = ()) -> AskedContext:
    return AskedContext(indication, history, asked=asked, settings=frozenset(settings))


TYPED = (
    # One question
    _typed("?effusion", "effusion"),
    _typed("? effusion", "effusion"),
    _typed("r/o PTX", "pneumothorax"),
    _typed("R/O PTX S/P THORACENTESIS", "pneumothorax"),
    _typed("SOB, r/o effusion", "effusion"),
    _typed("72M increasing O2 requirement. ?worsening CHF", "edema"),
    _typed("NG tube placement", "nasogastric tube"),
    _typed("ETT ok?", "endotracheal tube"),
    _typed("fever, cough x 5d, ?pna", "opacity", settings=("infection",)),
    _typed("eval for pneumonia pls", "opacity"),
    _typed("Dyspnoea. ?pulmonary oedema", "edema"),
    _typed("65F hypoxic overnight, ? CHF vs volume overload", "edema"),
    _typed("pleuritic CP, exclude pneumothorax", "pneumothorax"),
    _typed("?PTX post biopsy", "pneumothorax"),
    _typed("? collapse LLL", "atelectasis"),
    _typed("post-op day 3, low grade temp ?atelectasis", "atelectasis", settings=("infection",)),
    _typed("fall, L sided chest pain, ? rib #", "fracture", settings=("trauma",)),
    _typed("MVC, r/o rib fx", "fracture", settings=("trauma",)),
    _typed("wt loss, smoker, ?lung ca", "nodule", settings=("smoking",)),
    _typed("known breast ca ? mets", "nodule", settings=("malignancy",)),
    _typed("f/u RUL nodule", "nodule"),
    _typed("murmur, ? heart size", "cardiomegaly"),
    _typed("htn. ?cardiomegaly", "cardiomegaly"),
    _typed("wheeze, ?COPD", "hyperinflation"),
    _typed("exac of COPD?", "hyperinflation"),
    _typed("f/u effusion", "effusion"),
    _typed("interval change in effusions", "effusion"),
    _typed("?resolving ptx", "pneumothorax"),
    _typed("PICC placement", "central venous catheter"),
    _typed("line placement", "central venous catheter"),
    _typed("s/p R IJ, check line", "central venous catheter"),
    _typed("NGT placed, ok to use?", "nasogastric tube"),
    _typed("dobhoff placement", "nasogastric tube"),
    _typed("s/p intubation", "endotracheal tube"),
    _typed("check chest tube", "chest drain"),
    _typed("pigtail position", "chest drain"),
    _typed("s/p PPM, lead position", "pacemaker"),
    # Several questions
    _typed("SOB. ?PNA ?effusion", "opacity", "effusion"),
    _typed("r/o pna/effusion", "opacity", "effusion"),
    _typed("fever, intubated. eval ETT, r/o pneumonia", "endotracheal tube", "opacity", settings=("infection",)),
    _typed("CHF or pneumonia?", "edema", "opacity"),
    _typed("line placement, r/o ptx", "central venous catheter", "pneumothorax"),
    _typed("___M s/p fall. r/o rib fx, ptx", "fracture", "pneumothorax", settings=("trauma",)),
    # Nothing is asked
    _typed("Dyspnoea"),
    _typed("Pre-op"),
    _typed("pre op for hip"),
    _typed("SOB"),
    _typed("cp"),
    _typed("chest pain x 2 hrs"),
    _typed("routine"),
    _typed("CXR"),
    _typed("AM CXR"),
    _typed("admission"),
    _typed("fever and cough", settings=("infection",)),
    _typed("cough"),
    _typed("unwell ?cause"),
    _typed("___ year old man with dyspnea"),
    _typed("altered mental status"),
    _typed("desat to 85% on RA"),
    _typed("72M increasing O2 requirement"),
    _typed("r/o acute process"),
    _typed("follow up"),
    _typed("positive ppd"),
    _typed("syncope", history="HTN, DM2, afib"),
    _typed("", history="CHF, CKD, COPD"),
    _typed("weakness", history="h/o effusion 2019"),
    # What is asked has no words in the reports
    _typed("?fracture of clavicle"),
    _typed("?foreign body"),
    _typed("r/o TB"),
    _typed("?rib notching"),
    _typed("mass in the abdomen ?"),
    _typed("?PE"),
    _typed("r/o dissection"),
    _typed("? free air"),
    _typed("?sarcoid"),
    _typed("epigastric pain r/o perforation"),
)
