"""What is said of many studies: manifests and the reports of all of them."""

COLUMNS = "{file} is no manifest: {wrong}. A manifest is a CSV file with the column current and any of: {known}."
UNKNOWN_COLUMN = "nobody knows its column {name}"
NO_CURRENT = "it has no column current"
UNREADABLE = "{file} cannot be read: {reason}."
UNWRITABLE = "{file} cannot be written: {reason}."
NO_CSV = "{file} is no CSV file in UTF-8: save the table as such."
TWICE = "{file} holds two studies with the id {id}: give each its own, or leave the column out."
LONG_ROW = "{file}, study {number}: there are more cells than columns. Put a text with commas into double quotes."
NO_FOLDER = "There is no folder {folder}: name the one with the DICOM files."
OTHER_OUTPUT = (
    "{file} holds something else than the beginning of these reports (other studies, other weights or beams, other "
    "--files): name another file, or remove it."
)
FILES_USAGE = "--files goes with --manifest; of one study, --out names the files."
USAGE = (
    "A manifest is read as: report --manifest studies.csv --out reports.jsonl. Each study's own options are columns."
)
WRITTEN = "Wrote {file}: {studies} studies, {priors} with a prior. Indication and history are yours to fill in."
PROGRESS = "{done} of {studies} studies, {failed} could not be read; {rate} a second, about {minutes} min left."
DONE = "{file} holds {done} studies, {failed} of them could not be read."
ASIDE = {
    "no DICOM": "files that are no DICOM objects",
    "no chest film": "DICOM objects that are no chest radiographs",
    "lateral": "lateral views",
    "more of a study": "further films of a study, the newest of which is read",
    "no date": "studies without a date, which have no prior",
}
