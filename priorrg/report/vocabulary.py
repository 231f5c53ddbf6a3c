"""What a report may name: findings and devices, and which parts of the chest it speaks of. Words alone.

All patterns read lower case. Words in capitals are marks that changes.py has set: no pattern here takes them apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from priorrg.report.parts import PARTS

# Findings, in the order in which a mention is looked for: longer names before those that they contain.
_FINDINGS = {
    "pneumomediastinum": r"pneumomediastinum|mediastinal (?:air|gas)",
    "pneumothorax": r"pneumothora(?:x|ces)|ptx",
    "effusion": r"(?<!pericardial )effusions?|pleural fluid"
    r"|(?:loculated|layering|fissural) fluid|fluid in the (?:\w+ ){0,2}fissures?|blunting of (?:the |both "
    r"|bilateral )(?:\w+ ){0,3}(?:costophrenic|cp) (?:angles?|sulc\w+|sinus(?:es)?)|(?:costophrenic"
    r"|cp) angle blunting",
    "pleural collection": r"(?:hemo|haemo)thora(?:x|ces)|empyemas?|pleural collections?",
    "nodule": r"(?:pulmonary |lung |calcified |non-?calcified )?nodules?|mass(?:es)?(?! effect)|masslike lesions?"
    r"|nodular (?:opacit(?:y|ies)|densit(?:y|ies)|lesions?|focus|foci)|(?:lung|pulmonary) lesions?|granulomas?",
    "interstitial change": r"interstitial (?:\w+ )?(?:changes?|abnormalit(?:y|ies)|disease|prominence|thickening"
    r"|process|opacit(?:y|ies)|infiltrates?|fibrosis|pneumonitis)|(?:(?:increased|prominent|coarse|coarsened"
    r"|accentuated) )?(?:interstitial|bronchovascular|lung) markings|(?:pulmonary |lung |interstitial )?fibrosis"
    r"|fibrotic (?:changes?|disease)|scar(?:s|ring)?|bronchiectasis|reticular (?:opacit(?:y|ies)|pattern|markings)"
    r"|(?:septal|kerley b?) lines|(?<!vascular )(?<!venous )ild",
    "opacity": r"opacit(?:y|ies)|opacification|consolidations?|consolidative (?:process(?:es)?|changes?|disease)"
    r"|infiltrates?|infiltration|air-?space (?:disease|process|abnormalit(?:y|ies))|densit(?:y|ies)"
    r"|parenchymal (?:abnormalit(?:y|ies)|disease|process(?:es)?|changes?)|cavitation|cavitary lesions?",
    "pneumonia": r"(?:broncho)?pneumonias?|infectious (?:process(?:es)?|infiltrates?)|infections?",
    "aspiration": r"aspiration(?: pneumonitis)?",
    "contusion": r"contusions?",
    "hemorrhage": r"ha?emorrhage",
    "malignancy": r"metast(?:asis|ases|atic (?:disease|lesions?))|malignanc(?:y|ies)|neoplasms?|tumou?rs?|carcinoma",
    "vascular congestion": r"(?:pulmonary |central |mild )?(?:vascular|venous) (?:congestion|engorgement"
    r"|redistribution|plethora|prominence|indistinctness|fullness)|congestion|congestive changes?"
    r"|vascular cephalization|cephalization(?: of (?:the )?(?:pulmonary )?\w+)?"
    r"|engorgement of (?:the )?pulmonary (?:vessels|vasculature)|(?:elevat(?:ed|ion of)"
    r"|increased) (?:the )?pulmonary venous pressures?|pulmonary venous hypertension",
    "heart failure": r"(?:congestive |cardiac |heart )failure|chf|cardiac decompensation|(?:fluid|volume) overload",
    "edema": r"o?edema",
    "atelectasis": r"atelecta\w+|volume loss|loss of (?:lung )?volume|(?<!vertebral )(?<!body )collapse",
    "cardiomegaly": r"cardiomegaly|(?:cardiac|heart) enlargement|enlargement of the (?:heart|cardiac silhouette"
    r"|cardiomediastinal silhouette|cardiac contour)",
    "mediastinal widening": r"(?:mediastinal|mediastinum) (?:widening|enlargement)"
    r"|widening of the (?:\w+ )?mediastin\w+",
    "mediastinal shift": r"(?:mediastinal|tracheal) (?:shift|deviation|displacement)|(?:shift"
    r"|deviation) of the (?:mediastin\w+|trachea)|midline shift",
    "hilar enlargement": r"(?:hilar|mediastinal|mediastinal (?:or|and|and/or) hilar|hilar (?:or|and"
    r"|and/or) mediastinal) (?:lymph)?adenopathy|(?:lymph)?adenopathy|hilar (?:enlargement|prominence|fullness)"
    r"|(?:enlargement|prominence|fullness) of the (?:\w+ )?hil(?:a|um|i)",
    "hyperinflation": r"hyper-?inflat(?:ion|ed)|hyper-?expan(?:sion|ded)|over-?inflat(?:ion|ed)|air trapping"
    r"|flattening of the (?:hemi)?diaphragms?|flattened (?:hemi)?diaphragms?",
    "low lung volumes": r"hypoinflat(?:ion|ed)|under-?inflat(?:ion|ed)|(?:poor|low|shallow) inspirat(?:ion"
    r"|ory effort)|(?:poor|low|shallow) inspiratory (?:effort|volumes)",
    "subcutaneous emphysema": r"subcutaneous (?:emphysema|air|gas)|(?:chest wall|soft[- ]tissue) (?:emphysema|gas|air)",
    "emphysema": r"emphysema|emphysematous (?:changes?|lungs)|copd|(?:chronic )?obstructive (?:pulmonary"
    r"|lung) disease|bull(?:ae|ous disease)",
    "pleural thickening": r"pleural (?:thickening|plaques?|scarring|calcifications?|reaction)|apical (?:cap"
    r"|thickening)|(?:bi)?apical pleural(?:-| )parenchymal (?:scarring|thickening)",
    "free air": r"free (?:intraperitoneal |intra-abdominal |subdiaphragmatic )?(?:air|gas)|pneumoperitoneum"
    r"|(?:intraperitoneal|subdiaphragmatic) (?:free )?(?:air|gas)|air (?:is |seen |noted |identified )*(?:under"
    r"|below|beneath) (?:the |either )?(?:\w+ )?(?:hemi)?diaphragms?",
    "elevated hemidiaphragm": r"elevation of the (?:\w+ )?(?:hemi)?diaphragm|(?:hemi)?diaphragm(?:atic)? elevation"
    r"|eventration",
    "hiatal hernia": r"hiat(?:al|us) hernia",
    "fracture": r"(?:rib |clavicular |vertebral )?fractures?|fractured|compression deformit(?:y|ies)|(?:rib"
    r"|vertebral(?: body)?) deformit(?:y|ies)|loss of vertebral(?: body)? height",
    "bone abnormality": r"(?:osseous|bony|bone|skeletal) (?:abnormalit(?:y|ies)|lesions?|findings?|injur(?:y|ies)"
    r"|process(?:es)?|pathology|destruction|erosions?|metastases|changes?)|degenerative (?:\w+ ){0,2}?(?:changes?"
    r"|disease|spurring|spurs)|degenerative|scoliosis|scoliotic|kyphosis|(?:kypho)scoliosis|osteopeni[ac]"
    r"|osteoporosis|spondylosis|osteophytes?|(?:osteo)?arthritis|dish\b|(?:lytic|sclerotic|blastic) lesions?"
    r"|demineralization",
    "aortic calcification": r"(?:aortic|arch|aortic (?:arch|knob)) calcifications?|atherosclero(?:sis"
    r"|tic)(?: \w+)?(?: calcifications?| changes?| disease)?|(?:calcifications?|calcified plaque)(?: (?:is|are|noted"
    r"|seen|again|present|SAME))* (?:of|in|at|along|within|involving|over) the (?:\w+ )?(?:aorta|aortic \w+)"
    r"|calcified (?:thoracic )?(?:aorta|aortic (?:arch|knob))|vascular calcifications?",
    "aortic tortuosity": r"(?:tortuosity|unfolding|ectasia|dilat(?:at)?ion|enlargement|elongation"
    r"|aneurysm) of the (?:\w+ ){0,2}aorta|aortic (?:tortuosity|unfolding|ectasia|dilat(?:at)?ion|aneurysm"
    r"|enlargement)|(?:tortuous|unfolded|ectatic|dilated|aneurysmal|elongated)(?: and (?:calcified|ectatic"
    r"|tortuous))?,? (?:\w+ ){0,2}aorta",
    "prior surgery": r"(?:cabg|bypass(?: graft(?:ing)?)?(?: surgery)?|lobectomy|pneumonectomy|thoracotomy|mastectomy"
    r"|wedge resection|esophagectomy|sternotomy(?! wires)|median sternotomy(?! wires)|pleurodesis|(?:valve"
    r"|aortic valve|mitral valve) (?:replacement|repair)|avr|mvr)(?! clips)|post-?(?:operative|surgical) (?:changes?"
    r"|appearance|state)|cardiac surgery|heart surgery|(?:lung|heart|cardiac) transplant(?:ation)?",
}

_DEVICES = {
    "tracheostomy tube": r"tracheostomy(?: tube| cannula)?|trach(?: tube)?",
    "endotracheal tube": r"endotracheal tubes?|et tube|ett?|breathing tube",
    "pulmonary artery catheter": r"swan[- ]ganz(?: catheter| line)?|(?:pulmonary (?:artery|arterial)|pa) catheter|swan",
    "central venous catheter": r"central (?:venous )?(?:catheters?|lines?|access)|venous (?:access )?catheters?|cvc"
    r"|cvl|picc(?:s|(?: lines?| catheters?)?)|port-?a-?caths?|mediports?|(?:chest |infusion "
    r"|indwelling )?ports?(?: catheter)?|(?:internal jugular|ij|jugular|subclavian|femoral"
    r"|brachiocephalic)(?: \w+){0,3}? (?:catheters?|lines?|sheath)|(?:hemo)?dialysis (?:catheters?|lines?)|(?:dual"
    r"|double|triple)[- ]lumen(?: \w+)? (?:catheters?|lines?)|hickman(?: catheter| line)?|(?:internal jugular"
    r"|ij) (?:cordis|introducer)|peripherally inserted central catheter",
    "nasogastric tube": r"(?:nasogastric|orogastric|naso-?enteric|enteric|feeding|gastric|gastrostomy|ng|og"
    r"|dobb?-?hoff) (?:feeding )?tubes?|dobb?-?hoff|ngt|ogt",
    "chest drain": r"(?:chest|thoracostomy) (?:drains?|tubes?)|pleural (?:drains?|tubes?|catheters?)"
    r"|pigtail(?: catheters?| drains?)?|pleurx(?: catheter)?|mediastinal (?:drains?|tubes?)",
    "pacemaker": r"(?:biventricular |dual-?chamber |single-?chamber )?(?:pacemakers?|pacers?)(?: leads?| wires?)?"
    r"|pacing (?:devices?|leads?|wires?)|(?:cardioverter[- ])?defibrillators?(?: leads?)?|a?icd(?:s|(?: leads?)?)"
    r"|cardiac (?:conduction |rhythm )?devices?",
    "balloon pump": r"(?:intra-?aortic )?balloon pump|iabp|ventricular assist device|lvad|impella(?: device)?",
    "sternotomy wires": r"(?:median )?(?:sternotomy|sternal) (?:wires|sutures)|(?:cerclage )?wires",
    "prosthetic valve": r"(?:prosthetic|artificial|mechanical|bioprosthetic|replaced) (?:\w+ ){0,2}?valves?|valv(?:e"
    r"|ular) prosthes[ie]s|valve ring",
    "surgical clips": r"(?:surgical |mediastinal |vascular |cabg |bypass |metallic )?(?:clips|staples)|(?:surgical "
    r"|suture )(?:material|lines?)",
    "support devices": r"(?:(?:monitoring|supporting|support|supportive|life)[ ,/]*(?:and )?)+(?:devices?"
    r"|lines?(?: and tubes?)?|tubes?(?: and lines?)?|hardware|apparatus|equipment)|(?:supporting|support) (?:lines?"
    r"|tubes?),? (?:and|/) (?:tubes?|lines?)|lines?(?:,| and|,? and|/) ?(?:tubes?|catheters?|drains?|devices?)"
    r"|tubes?(?: and|/) ?(?:lines?|catheters?|drains?)|indwelling (?:devices?|lines?|tubes?)|(?:medical|indwelling"
    r"|monitoring|support) (?:devices?|hardware)|devices",
}

DEVICES = tuple(_DEVICES)
FINDINGS = (*_FINDINGS, *_DEVICES)
_SIDELESS = {
    *(
        "cardiomegaly",
        "heart failure",
        "hyperinflation",
        "edema",
        "low lung volumes",
        "free air",
        "hiatal hernia",
        "pneumomediastinum",
    ),
    *("mediastinal widening", "mediastinal shift", "aortic calcification", "aortic tortuosity", "vascular congestion"),
    *("endotracheal tube", "nasogastric tube", "sternotomy wires", "tracheostomy tube", "balloon pump"),
    *("support devices", "prosthetic valve", "emphysema", "surgical clips"),
}


def has_sides(name: str) -> bool:
    """Whether right and left mean something where this finding or device is named."""
    return name not in _SIDELESS


@dataclass(frozen=True)
class Mention:
    """Where a sentence names something. names: findings or devices; of a part of the chest those that it may have.

    part: a key of PARTS, or empty where the finding itself is named.
    """

    start: int
    end: int
    names: tuple[str, ...]
    part: str = ""


_NAMES = {**_FINDINGS, **_DEVICES}
_MENTION = re.compile(
    r"\b(?:"
    + "|".join(
        [
            *(f"(?P<f{number}>(?:{words})\\b)" for number, words in enumerate(_NAMES.values())),
            *(f"(?P<p{number}>(?:{part.words})(?![\\w-]))" for number, part in enumerate(PARTS.values())),
        ]
    )
    + ")"
)
_PART_NAMES = tuple(PARTS)
# A part behind one of these is a place of something else, not what the sentence speaks of.
_IS_PLACE = re.compile(
    r"\b(?:in|of|over|at|within|overlying|projecting over|adjacent to|behind|along|from|into|near|above|below|beneath"
    r"|under|to|throughout|involving|obscuring|obscures|around|by|through|across)(?: (?:the|both|each|either|this"
    r"|his|her|patient's|right|left|bilateral|entire|remaining|\w+er|mid|middle|\w+al|lung))* ?$"
)
# A part right in front of a finding says where it is: 'left lower lobe consolidation'.
_IS_ATTRIBUTE = re.compile(
    r"\s*(?:(?!(?:is|are|with|without|and|or|has|have|shows?|no|the|accentuat\w+)\b)[a-z-]+ ?){0,2}"
)
_SPEAKS_OF = re.compile(
    r"\b(?:appearance|size|contours?|configuration|evaluation|caliber|width|assessment|remainder|prominence"
    r"|fullness) of (?:the )?(?:\w+ )?$|\b(?:NO)?(?:SAME|LARGER|SMALLER|WORSE|BETTER|GONE|FRESH) (?:in"
    r"|of) (?:the )?(?:\w+ of the )?$"
)


def mentions(clause: str) -> list[Mention]:
    """Everything that a clause names, in its order. Parts that only say where something is are left out."""
    found = []
    for match in _MENTION.finditer(clause):
        kind, number = match.lastgroup[0], int(match.lastgroup[1:])  # type: ignore[index]
        if kind == "f":
            found.append(Mention(match.start(), match.end(), (FINDINGS[number],)))
            continue
        name, before = _PART_NAMES[number], clause[: match.start()]
        following = _MENTION.search(clause, match.end())
        gap = clause[match.end() : following.start()] if following else ""
        if following and (following.lastgroup or "").startswith("f") and _IS_ATTRIBUTE.fullmatch(gap):
            continue
        if not _IS_PLACE.search(before) or _SPEAKS_OF.search(before):
            found.append(Mention(match.start(), match.end(), PARTS[name].implied, name))
    return found
