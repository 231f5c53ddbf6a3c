"""What is said of the hospital's image server."""

NO_ADDRESS = "{address} is no address of a DICOMweb service; one looks like https://pacs.example/dicom-web."
NO_UID = "This is no Study Instance UID: digits and points, at most 64."
NO_PATIENT = "A Patient ID has to be given whole: neither empty nor with * or ?."
NO_FILMS = "The server has no chest radiograph (CR, DX and their like) there."
MANY_FILMS = (
    "That study holds {films} images; at most {most} are fetched. Export the chest films and read them as files."
)
NOT_ALLOWED = (
    "The server asks for a login, or does not allow this one. Name it by --user, its password in PACS_PASSWORD."
)
REFUSED = "The server refused what was asked (status {status}). Its operator can read why in its log."
NOT_REACHED = "The server did not answer. Check its address, the network and its certificate."
NO_DICOMWEB = "What answered there is no DICOMweb service. Its address often ends in /dicom-web or /rs."
NOT_STORED = (
    "The server did not store all that was sent: the report or its outlines may be missing there. Its operator can "
    "read why in its log."
)
CONFIRM = (
    "Send this report to the server as a preliminary, unverified structured report, and the outlines of its overlays "
    "as a presentation state? Type yes to send them:"
)
NO_OUTLINES = "Only the report is sent. {reason}"
NOT_SENT = "Nothing was sent."
SENT = "Sent. The server files it with the study; match it with its patient there."
