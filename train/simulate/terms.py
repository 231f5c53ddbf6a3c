"""The words of referrers: what they call a finding, a device, a history, and how they ask for it.

Words only; context.py decides what is asked and typed.py how it is typed. Abbreviations are those that published lists
of radiology abbreviations and everyday request forms share. Every list has a second part that no training ever reads:
wordings by which `python -m train evaluate --wordings` measures whether a question is understood or remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

# A word a line would make a dozen pages of it.
# fmt: off


@dataclass(frozen=True)
class Words:
    """known: what training draws from. kept_back: what only measurements draw from."""

    known: tuple[str, ...]
    kept_back: tuple[str, ...] = ()

    def of(self, kept_back: bool) -> tuple[str, ...]:
        return self.kept_back if kept_back and self.kept_back else self.known


# Topic -> what it is called. {side} is filled in where it stands, with a blank behind it, or with nothing.
TERMS = {
    "pneumothorax": Words(
        ("{side}pneumothorax", "{side}PTX", "{side}ptx", "{side}pneumo", "{side}PNX", "{side}apical pneumothorax",
         "collapsed {side}lung", "{side}tension pneumothorax", "pleural air", "{side}pneumothorax size"),
        ("{side}sided pneumothorax", "{side}apical PTX", "iatrogenic pneumothorax", "small {side}PTX",
         "post procedure pneumothorax"),
    ),
    "effusion": Words(
        ("{side}pleural effusion", "{side}effusion", "{side}pleural effusions", "effusions", "{side}pleural fluid",
         "{side}eff", "pl effusion", "{side}pleural eff", "pleural collection", "hydrothorax",
         "fluid in the {side}pleural space", "{side}hemothorax", "{side}haemothorax", "{side}empyema",
         "b/l effusions", "bilateral effusions", "parapneumonic effusion"),
        ("{side}sided effusion", "b/l pleural effusions", "small {side}effusion", "malignant effusion",
         "amount of {side}effusion", "loculated effusion"),
    ),
    "opacity": Words(
        ("{side}pneumonia", "{side}PNA", "{side}consolidation", "{side}infiltrate", "{side}infiltrates",
         "pneumonias", "{side}airspace disease", "CAP", "HAP", "VAP", "LRTI", "chest infection", "infection",
         "{side}consol", "{side}lower lobe pneumonia", "RLL pneumonia", "LLL PNA", "RUL infiltrate",
         "bronchopneumonia", "aspiration pneumonia", "aspiration PNA", "{side}opacity", "lung contusion",
         "pulmonary contusion", "pneumonitis", "focal consolidation", "lower respiratory tract infection",
         "infective changes"),
        ("{side}sided pneumonia", "LLL consolidation", "RLL infiltrate", "hospital acquired pneumonia",
         "community acquired PNA", "{side}basal consolidation", "focal {side}infiltrate"),
    ),
    "atelectasis": Words(
        ("atelectasis", "{side}atelectasis", "{side}basilar atelectasis", "lung collapse", "{side}lobar collapse",
         "bibasilar atelectasis", "{side}basal atelectasis", "atelectases", "LLL collapse", "RLL collapse",
         "volume loss", "mucus plugging", "mucous plug", "plate atelectasis"),
        ("bibasal atelectasis", "{side}lower lobe collapse", "post-op atelectasis", "linear atelectasis"),
    ),
    "edema": Words(
        ("pulmonary edema", "pulmonary oedema", "edema", "oedema", "CHF", "chf exacerbation", "heart failure", "HF",
         "fluid overload", "volume overload", "vol overload", "volume status", "fluid status", "CCF", "LVF", "ADHF",
         "decompensated heart failure", "pulm edema", "pulm oedema", "congestion", "pulmonary venous congestion",
         "vascular congestion", "acute pulmonary oedema", "APO", "failure", "overload", "congestive heart failure",
         "pulmonary congestion", "interstitial edema"),
        ("acute heart failure", "decompensated CHF", "acute on chronic CHF", "interstitial oedema",
         "pulm vascular congestion", "CHF flare", "signs of overload"),
    ),
    "nodule": Words(
        ("{side}pulmonary nodule", "{side}lung nodule", "nodule", "nodules", "{side}lung mass", "pulmonary mass",
         "mass", "{side}lung lesion", "lung ca", "lung cancer", "malignancy", "mets", "metastases",
         "pulmonary metastases", "lung mets", "SPN", "bronchogenic ca", "neoplasm", "lung tumour", "lung tumor",
         "coin lesion", "primary lung malignancy", "{side}upper lobe nodule", "metastatic disease"),
        ("{side}sided nodule", "metastatic lung nodules", "lung neoplasm", "pulmonary lesion", "pulm nodule",
         "lung malignancy"),
    ),
    "cardiomegaly": Words(
        ("cardiomegaly", "heart size", "enlarged heart", "cardiac size", "cardiac enlargement", "big heart", "CTR",
         "cardiothoracic ratio", "LVH", "cardiac silhouette", "heart enlargement", "enlarged cardiac silhouette",
         "size of the heart"),
        ("enlarged cardiac shadow", "cardiac silhouette size", "increased heart size", "increased CTR"),
    ),
    "hyperinflation": Words(
        ("COPD", "hyperinflation", "emphysema", "copd exacerbation", "AECOPD", "COAD", "IECOPD", "hyperexpansion",
         "hyperinflated lungs", "air trapping", "flattened diaphragms", "emphysematous change"),
        ("COPD exac", "emphysematous lungs", "lung hyperinflation", "exacerbation of COPD"),
    ),
    "fracture": Words(
        ("{side}rib fracture", "{side}rib fractures", "{side}rib fx", "rib fxs", "rib #", "{side}rib #s",
         "broken rib", "broken {side}ribs", "fractured rib", "fractured {side}ribs", "rib injury", "{side}rib fract",
         "fracture", "fx", "flail chest", "displaced rib fracture"),
        ("{side}sided rib fractures", "multiple rib fractures", "cracked rib", "rib fracture or injury"),
    ),
}
# A term that says, besides, what an opacity would be.
IMPLIED = {"aspiration": "aspiration", "contusion": "trauma"}

DEVICE_TERMS = {
    "endotracheal tube": Words(
        ("ETT", "ET tube", "endotracheal tube", "ett tip", "E.T. tube", "endotracheal tube tip", "intubation",
         "breathing tube", "ETT depth", "endo tube", "tube s/p intubation"),
        ("ET tube tip", "endotracheal tube depth", "ET"),
    ),
    "central venous catheter": Words(
        ("central line", "CVC", "line", "PICC", "PICC line", "RIJ", "LIJ", "R IJ", "L IJ", "IJ line", "CVL",
         "subclavian line", "R SCV line", "central venous catheter", "TLC", "catheter tip", "central line tip",
         "PICC tip", "vascath", "dialysis catheter", "HD catheter", "permcath", "Hickman line", "portacath",
         "central venous line", "line tip", "jugular line", "central venous access"),
        ("RIJ CVC", "right IJ line", "PICC line tip", "CVC tip", "L subclavian CVC", "tunneled line"),
    ),
    "nasogastric tube": Words(
        ("NG tube", "NGT", "NG", "nasogastric tube", "OG tube", "OGT", "feeding tube", "Dobhoff", "DHT",
         "Ryles tube", "enteric tube", "NG tube tip", "NGT tip", "dobhoff tube", "n/g tube", "orogastric tube",
         "fine bore NG", "enteral tube", "NJ tube", "corpak"),
        ("fine bore feeding tube", "NG feeding tube", "nasogastric tube tip", "Dobhoff tip"),
    ),
    "chest drain": Words(
        ("chest tube", "chest drain", "ICD", "intercostal drain", "pigtail", "pigtail catheter", "{side}chest tube",
         "{side}chest drain", "{side}pigtail", "ICC", "thoracostomy tube", "chest tubes", "pleural drain",
         "thoracic drain", "tube thoracostomy", "pleurx", "{side}ICD", "intercostal catheter"),
        ("{side}sided chest tube", "{side}intercostal drain", "pigtail drain", "{side}thoracostomy tube"),
    ),
    "pacemaker": Words(
        ("pacemaker", "PPM", "pacer", "pacemaker leads", "pacing leads", "AICD", "ICD leads", "lead position",
         "pacer leads", "PM leads", "leads", "pacer wires", "BiV pacer", "pacing wires", "permanent pacemaker",
         "dual chamber pacemaker", "pacer lead placement", "CRT-D", "defibrillator leads"),
        ("PPM leads", "AICD leads", "pacemaker lead position", "dual chamber PPM"),
    ),
}
DEVICE_TOPICS = tuple(DEVICE_TERMS)
# One full phrase for each question and setting, as old request forms have them.
PLAIN_QUESTIONS = {
    "pneumothorax": "evaluate for pneumothorax",
    "effusion": "evaluate for pleural effusion",
    "opacity": "evaluate for pneumonia",
    "atelectasis": "evaluate for atelectasis",
    "edema": "evaluate for pulmonary edema",
    "nodule": "evaluate for pulmonary nodule",
    "cardiomegaly": "evaluate for cardiomegaly",
    "hyperinflation": "question of hyperinflation",
    "fracture": "rule out rib fracture",
    "endotracheal tube": "evaluate endotracheal tube position",
    "central venous catheter": "evaluate central line placement",
    "nasogastric tube": "evaluate nasogastric tube placement",
    "chest drain": "check chest tube position",
    "pacemaker": "check pacemaker leads",
}
PLAIN_SETTINGS = {
    "infection": "fever and cough",
    "trauma": "motor vehicle collision",
    "aspiration": "witnessed aspiration",
    "malignancy": "known colon cancer",
    "smoking": "heavy smoker",
    "surgery": "prior CABG",
}

# How a finding is asked for.
ASKS = Words(
    ("evaluate for {x}", "rule out {x}", "question of {x}", "assess for {x}", "evaluate for {x}", "rule out {x}",
     "?{x}", "?{x}", "?{x}", "? {x}", "?? {x}", "??{x}", "{x}?", "{x} ?", "r/o {x}", "r/o {x}", "ro {x}",
     "eval for {x}", "eval {x}", "evaluate {x}", "assess {x}", "query {x}", "q. {x}", "concern for {x}", "c/f {x}",
     "exclude {x}", "to exclude {x}", "please exclude {x}", "pls r/o {x}", "please r/o {x}", "look for {x}",
     "looking for {x}", "any {x}?", "any {x}", "is there {x}?", "is there any {x}", "possible {x}", "poss {x}",
     "suspected {x}", "suspect {x}", "suspicion of {x}", "susp {x}", "?new {x}", "evidence of {x}?", "check for {x}",
     "check {x}", "concerned for {x}", "concerning for {x}", "? any evidence of {x}", "query any {x}",
     "please evaluate for {x}", "pls assess {x}", "ddx {x}", "dx {x}?", "likely {x}", "prob {x}", "probable {x}",
     "r/o {x} please", "to r/o {x}", "e/o {x}?", "signs of {x}", "screen for {x}", "clinically {x}", "rule/out {x}"),
    ("could this be {x}?", "? is there {x}", "worried about {x}", "does pt have {x}?", "needs r/o {x}",
     "? possible {x}", "please check for any {x}", "pls eval for {x}", "want to exclude {x}", "thinking {x}",
     "evaluation for {x}", "?{x}?", "assessment for {x}", "wondering about {x}"),
)
# Asking what became of it: answered as any question, with its change where there is one.
ASKS_CHANGE = Words(
    ("f/u {x}", "f/u of {x}", "follow up {x}", "follow-up of {x}", "followup {x}", "interval change in {x}",
     "?worsening {x}", "? worsening {x}", "worsening {x}?", "?increasing {x}", "?resolving {x}",
     "?resolution of {x}", "?progression of {x}", "monitor {x}", "reassess {x}", "{x} f/u", "?residual {x}",
     "assess for residual {x}", "interval f/u {x}", "known {x}, ?change", "known {x} ?worse", "known {x} ?improving",
     "?improving {x}", "assess amount of {x}", "assess progress of {x}", "re-eval {x}", "compare {x}",
     "{x}, interval change", "{x} progression?", "evaluate for interval change of {x}", "?recurrence of {x}",
     "?recurrent {x}", "eval for worsening {x}", "has {x} resolved?", "stability of {x}", "track {x}",
     "{x} - better or worse?", "has {x} got worse", "?enlarging {x}", "ongoing {x}?", "surveillance of {x}",
     "?persistent {x}"),
    ("has {x} improved?", "re-evaluate {x}", "?interval worsening {x}", "is {x} any better?", "status of {x}",
     "? any change in {x}", "known {x}, ?progressing", "repeat for {x}", "?stable {x}"),
)
ASKS_DEVICE = Words(
    ("evaluate {x} position", "status post {x} placement", "check {x} placement", "evaluate {x} placement",
     "{x} placement", "{x} placement", "{x} position", "check {x}", "check {x} position", "{x} check", "{x} ok?",
     "{x} OK?", "is {x} ok", "is the {x} ok?", "confirm {x} position", "confirm {x}", "confirm {x} placement",
     "eval {x}", "eval {x} placement", "s/p {x} placement", "s/p {x}", "post {x}", "post {x} insertion",
     "post {x} placement", "{x} in place?", "?{x} position", "?{x}", "?position of {x}", "verify {x} placement",
     "verify {x}", "new {x}", "{x} adjusted", "{x} repositioned", "{x} advanced", "{x} position?", "{x} placement?",
     "?{x} placement", "{x} in right place?", "assess {x}", "assess {x} position", "for {x} position",
     "{x} pulled back", "{x} insertion", "{x} confirmation", "repeat for {x}", "{x} ok to use?", "ok to use {x}?",
     "safe to use {x}?", "where is {x}", "where is the {x}?", "location of {x}", "is {x} in situ", "f/u {x}", "{x}?",
     "{x} exchanged"),
    ("pls confirm {x}", "is the {x} in a good position?", "can {x} be used?", "? {x} in correct position",
     "{x} good?", "post-{x} film", "please check the {x}", "re-check {x}", "{x} fine?"),
)
# Whole questions about a device, which fit no pattern.
ASKED_WHOLE = {
    "endotracheal tube": ("status post intubation", "s/p intubation", "post intubation", "post-intubation",
     "reintubated", "just intubated", "intubated, check position", "newly intubated"),
    "central venous catheter": ("line placement", "status post line placement", "line check", "post line", "s/p line"),
    "pacemaker": ("s/p PPM", "post pacer", "post pacing", "lead check", "check leads"),
    "chest drain": ("post drain insertion", "s/p chest tube", "drain position", "drain ok?"),
    "nasogastric tube": ("ok to feed?", "ok to feed via NG", "safe to feed?", "ng placed"),
}
# Naming a finding without asking for it: what the referrer believes or remembers. The image decides.
CLAIMS = Words(
    ("known {x}", "known {x}", "recent {x}", "treated {x}", "treated for {x}", "being treated for {x}",
     "dx'd with {x}", "{x} on prior", "admitted with {x}", "on rx for {x}", "with {x}", "{x} seen on CT",
     "w/ known {x}"),
    ("documented {x}", "diagnosed with {x}", "{x} seen last week"),
)
PAST = Words(
    ("h/o {x}", "hx of {x}", "hx {x}", "history of {x}", "PMH {x}", "PMHx {x}", "previous {x}", "prior {x}",
     "past {x}", "{x} in the past", "{x} last year", "PMH: {x}", "Hx: {x}", "old {x}", "remote {x}"),
    ("past history of {x}", "{x} years ago", "background of {x}"),
)
# Symptoms: they ask nothing and change nothing.
REASONS = Words(
    ("shortness of breath", "chest pain", "hypoxia", "follow-up", "weakness", "preoperative study", "tachypnea",
     "desaturation", "dizziness", "syncope", "SOB", "SOB", "sob", "SOBOE", "DOE", "dyspnea", "dyspnoea", "CP",
     "pleuritic CP", "hypoxic", "desat", "desats", "desaturating", "increased O2 requirement", "O2 req",
     "increasing O2 requirement", "increasing O2 req", "increasing oxygen requirement", "new O2 requirement",
     "rising O2 needs", "tachypnoea", "tachypneic", "dizzy", "palpitations", "wheeze", "wheezing", "hemoptysis",
     "haemoptysis", "fatigue", "malaise", "confusion", "AMS", "altered mental status", "lethargy", "weight loss",
     "wt loss", "night sweats", "orthopnea", "orthopnoea", "PND", "leg swelling", "LE edema", "leg oedema",
     "back pain", "abdominal pain", "abdo pain", "chest tightness", "pleuritic chest pain", "cough", "dry cough",
     "c/o SOB", "c/o CP", "low sats", "sats 88% RA", "respiratory distress", "resp distress", "resp failure",
     "respiratory failure", "hypotension", "hypotensive", "tachycardia", "collapse ?cause", "seizure", "stroke",
     "CVA", "TIA", "GI bleed", "sore throat", "N/V", "nausea", "unwell", "off legs", "found down", "cardiac arrest",
     "s/p arrest", "ROSC", "weak", "tired", "SOB x 3 days", "SOB at rest", "CP x 2 days", "worsening SOB",
     "increasing SOB", "worsening dyspnea", "agitation", "trop leak", "raised d-dimer", "elevated troponin",
     "decreased breath sounds", "reduced air entry L base", "crackles R base", "creps", "bibasal creps"),
    ("breathlessness", "breathless", "winded", "chest discomfort", "low O2 sats", "needing more oxygen",
     "exertional dyspnea", "worsening dyspnoea", "presyncope", "lightheaded", "generalised weakness", "drowsy",
     "increased work of breathing", "inc WOB"),
)
# Texts that ask nothing at all, alone or beside others.
ASKS_NOTHING = Words(
    ("pre-op", "preop", "pre op", "pre-operative", "pre-op clearance", "preop eval", "preop for TKR", "pre-op CABG",
     "routine", "routine CXR", "CXR", "chest xray", "chest x-ray", "CXR please", "daily CXR", "daily film",
     "AM film", "ICU routine", "routine ICU film", "baseline", "baseline CXR", "screening", "annual check",
     "admission", "admission CXR", "admit CXR", "pre-employment", "visa medical", "immigration medical", "pre-chemo",
     "pre transplant workup", "post-op", "post op day 2", "POD2", "POD#1", "POD 3", "f/u", "follow up",
     "follow-up CXR", "interval change", "interval f/u", "?interval change", "progress", "progress film", "as above",
     "see notes", "?cause", "? cause", "?source", "septic screen", "for review", "repeat", "repeat CXR", "n/a",
     "none", "nil", "per protocol", "surveillance", "clinical deterioration", "TBC", "?", "eval", "evaluate",
     "please evaluate", "acute process?", "eval for acute process", "r/o acute process", "acute cardiopulm process",
     "evaluate for acute cardiopulmonary process", "r/o acute cardiopulmonary disease", "any acute findings?",
     "assess chest", "chest", "?pathology", "?abnormality", "any abnormality", "any change?", "?change",
     "comparison", "compare with prior", "compare to previous", "discharge planning", "fit to fly", "work up",
     "workup", "clearance", "medical clearance", "psych clearance", "nursing home placement", "ppd+ no sx",
     "intubated", "on NIV", "on BiPAP", "on CPAP", "ventilated", "extubated", "weaning", "s/p surgery",
     "s/p laparotomy", "s/p hip replacement", "inpatient", "from ED", "code", "please", "thank you", "pls"),
    ("preoperative assessment", "pre-surgical", "pre-procedure", "for theatre", "routine film", "morning film",
     "standard follow up", "annual screening", "new admission", "for comparison", "no clinical details",
     "clinical correlation", "general check up", "pre-anaesthetic", "acute process", "?acute abnormality",
     "?anything acute", "post surgery day 1"),
)
# Questions about what the reports have no words for: they get no denial.
ASKED_ELSEWHERE = Words(
    ("clavicle fracture", "clavicle #", "foreign body", "FB", "swallowed coin", "TB", "tuberculosis", "active TB",
     "rib notching", "mass in the abdomen", "free air", "free air under diaphragm", "perforation",
     "pneumoperitoneum", "PE", "pulmonary embolism", "PE/DVT", "aortic dissection", "dissection",
     "widened mediastinum", "mediastinal widening", "hilar lymphadenopathy", "hilar adenopathy", "sarcoid",
     "sarcoidosis", "scoliosis", "ILD", "interstitial lung disease", "pulmonary fibrosis", "fibrosis",
     "bronchiectasis", "asbestosis", "pleural plaques", "spine fracture", "vertebral fracture",
     "compression fx of spine", "sternal fracture", "shoulder dislocation", "humerus fracture", "scapula fx",
     "hiatal hernia", "hiatus hernia", "bowel obstruction", "SBO", "pericardial effusion", "tamponade", "aneurysm",
     "thoracic aneurysm", "COVID", "covid-19", "asthma", "PCP", "croup", "bronchiolitis", "lymphoma", "thymoma",
     "mesothelioma", "goitre", "tracheal deviation", "subcutaneous emphysema", "surgical emphysema",
     "retained needle", "missing dentures", "VP shunt", "shunt series", "gastric band", "diaphragm palsy",
     "raised hemidiaphragm", "calcification", "pulmonary hypertension", "LVAD", "loose bodies", "cervical rib",
     "kidney stone", "ascites", "mastitis", "MI", "ACS", "pericarditis", "angina"),
    ("myocarditis", "clavicular fracture", "swallowed battery", "miliary TB", "rib tumour", "silicosis",
     "sternoclavicular dislocation", "abdominal mass", "gallstones", "aortic aneurysm", "pneumomediastinum",
     "thoracic spine fracture", "mediastinal mass", "liver abscess"),
)
# Setting -> how a history says it. Infection, trauma and aspiration change what an opacity is called; smoking and
# malignancy what a nodule calls for; surgery how wires are named; the rest changes nothing.
HISTORIES = {
    "infection": Words(
        ("fever and cough", "fever and leukocytosis", "productive cough and chills", "sepsis", "fever/cough",
         "fevers, cough", "febrile", "fever", "fevers", "WBC 15", "leukocytosis", "raised WCC", "raised CRP",
         "CRP 180", "productive cough", "pyrexia", "spiking temps", "septic", "fever and chills", "chills",
         "temp 38.9", "cough w/ sputum", "purulent sputum", "green sputum", "rigors", "elevated WBC",
         "fever x 3 days"),
        ("pyrexial", "high fever", "leucocytosis", "cough with purulent sputum", "septic shock"),
    ),
    "trauma": Words(
        ("motor vehicle collision", "fall from height", "blunt chest trauma", "fall down stairs", "MVC", "MVA",
         "RTA", "RTC", "s/p MVC", "s/p fall from ladder", "trauma", "chest trauma", "blunt trauma", "assault",
         "assaulted", "ped vs car", "s/p MVA", "fell down stairs", "kicked by horse", "polytrauma", "high speed MVC",
         "bike accident", "fall", "fall"),
        ("motorcycle accident", "s/p RTC", "fall from roof", "blunt thoracic trauma", "car accident"),
    ),
    "aspiration": Words(
        ("witnessed aspiration", "vomiting and altered mental status", "dysphagia with aspiration risk", "aspirated",
         "aspiration event", "aspiration", "s/p aspiration", "vomited and aspirated", "choking episode",
         "witnessed aspiration event", "aspiration risk", "high aspiration risk", "unsafe swallow", "failed swallow"),
        ("aspiration episode", "choked on food", "recent aspiration"),
    ),
    "malignancy": Words(
        ("known colon cancer", "metastatic melanoma", "history of breast cancer", "renal cell carcinoma", "colon ca",
         "h/o breast ca", "RCC", "melanoma", "breast ca", "metastatic colon ca", "prostate ca", "h/o sarcoma",
         "osteosarcoma", "bladder cancer", "known malignancy elsewhere", "colorectal ca", "gastric cancer",
         "ovarian ca", "on chemo for breast ca", "testicular ca", "thyroid cancer", "head and neck ca"),
        ("hx of melanoma", "oesophageal ca", "cervical cancer", "h/o colon cancer"),
    ),
    "smoking": Words(
        ("heavy smoker", "40 pack-year smoking history", "current smoker", "smoker", "40 PYH", "30 pk-yr smoker",
         "smokes 1 ppd", "40 py smoker", "lifelong smoker", "tobacco use", "active smoker", "chronic smoker"),
        ("50 pack year smoker", "1 ppd smoker", "longtime smoker"),
    ),
    "surgery": Words(
        ("prior CABG", "s/p CABG", "CABG 2015", "h/o CABG", "s/p AVR", "s/p MVR", "prior sternotomy",
         "s/p sternotomy", "aortic valve replacement", "post cardiac surgery", "CABG x3", "h/o open heart surgery"),
        ("s/p valve replacement", "previous CABG", "prior cardiac surgery"),
    ),
    "other": Words(
        ("hypertension", "diabetes", "atrial fibrillation", "congestive heart failure", "renal failure",
         "liver cirrhosis", "chronic anemia", "HTN", "DM", "DM2", "T2DM", "IDDM", "AF", "afib", "a-fib", "h/o CHF",
         "CKD", "ESRD on HD", "ESRD", "cirrhosis", "anaemia", "OSA", "HIV", "dementia", "IHD", "CAD", "CAD s/p PCI",
         "PVD", "CVA", "hypothyroid", "GERD", "obesity", "RA", "SLE", "on warfarin", "ETOH abuse", "IVDU", "h/o DVT",
         "h/o PE", "NKDA", "bedbound", "AKI", "s/p renal transplant", "MS", "Parkinson's", "HLD", "HTN, DM2",
         "HTN/HLD/DM", "CHF", "h/o TB", "s/p appendectomy", "s/p TKR", "epilepsy", "gout", "anxiety"),
        ("hyperlipidemia", "chronic kidney disease", "type 2 diabetes", "osteoporosis", "liver transplant", "PAF"),
    ),
}
# Words before everything else: who it is. {age}, {sex} and the like are filled in.
WHO = ("{age}{s}", "{age}{s}", "{age} {s}", "{age} yo {s}", "{age}yo {s}", "{age}yo{s}", "{age} y/o {sex}",
 "{age} year old {sex}", "{age} year old {person}", "{age} year-old {person} with", "{age} yo {person} w/",
 "{age}{s} w/", "{age}{s} with", "{age}yr old {sex}", "{age} yrs", "{s}{age}", "{s}/{age}", "pt", "patient",
 "pt with", "this {age} year old {person} with", "___ year old {person} with", "___{s}", "___ {s} w/", "___ y/o {s}",
 "___yo {s} with", "___-year-old {person} with", "{person} with")
