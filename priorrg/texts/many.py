"""What is said of many studies: manifests and the reports of all of them."""

COLUMNS = "{file} is no manifest: {wrong}. A manifest is a CSV file with the column current and any of: {known}."
UNKNOWN_COLUMN = "nobody knows its column {name}"
NO_CURRENT = "it has no column current"
UNREADABLE = "{file} cannot be read: {reason}."
UNWRITABLE = "{file} cannot be written: {reason}."
NO_CSV = "{file} is no CSV file in UTF-8: save the table as such."
TWICE = "{file} holds two studies with the id {id}: give each its own, or leave the column out."
LONG_ROW = "{file}, study {number}: there are more cells than columns. Put a text with commas into double quotes."
LONG_CELL = (
    "{file} has a cell of more than {most:,} characters. If no text is so long, a double quote that opened one was "
    "never closed."
)
NO_FOLDER = "There is no folder {folder}: name the one with the DICOM files."
OTHER_OUTPUT = (
    "{file} holds something else than the beginning of these reports (other studies, other weights or beams, other "
    "--files): name another file, or remove it."
)
FILES_USAGE = "--files and --cluster go with --manifest; of one study, --out names the files."
INCOMPLETE = (
    "{missing} studies have no line in {file} or beside it: another process failed, or writes into a folder that this "
    "one does not see. Run it again; it goes on with them."
)
NO_ACCELERATE = "Several processes need accelerate: pip install 'priorrg[cluster]', or start one."
APART = "{started} processes were started, and accelerate joined {joined} of them: start them by accelerate launch."
NO_RAY = "--cluster needs Ray: pip install 'priorrg[cluster]'."
NO_CLUSTER = (
    "No Ray can be had at {address} ({reason}). Start this on a machine of the cluster and name its address, or leave "
    "the address out: then a Ray of its own is started here."
)
CLUSTER_GAVE_UP = "Ray gave up ({reason}). Run it again; it goes on with the studies that have no line yet."
ONE_WAY = "--cluster shares the studies out itself: start it as one process, without accelerate."
NOT_SHARED = (
    "A worker of the cluster sees no folder {folder}: manifest, images and output have to lie where all machines see "
    "them under the same path."
)
OTHER_WEIGHTS = "A worker of the cluster has other weights than this machine: {found} instead of {wanted}."
USAGE = (
    "A manifest is read as: report --manifest studies.csv --out reports.jsonl. Each study's own options are columns."
)
WRITTEN = "Wrote {file}: {studies} studies, {priors} with a prior. Indication and history are yours to fill in."
PROGRESS = "{done} of {studies} studies, {failed} could not be read; {rate} a second, about {minutes} min left."
FIRST_OF = "The first of {processes} processes: {said}"
DONE = "{file} holds {done} studies, {failed} of them could not be read."
ASIDE = {
    "no DICOM": "files that are no DICOM objects",
    "no chest film": "DICOM objects that are no chest radiographs",
    "lateral": "lateral views",
    "more of a study": "further films of a study, the newest of which is read",
    "no date": "studies without a date, which have no prior",
}
