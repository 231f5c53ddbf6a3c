"""Why a request is turned away before it reaches the page, and the login's own page (priorrg/ui/server)."""

FAILED = "That failed, and not by your mistake. Try it once more; if it fails again, tell whoever runs this server."
DISK_FULL = (
    "The disk of this server is full, so that the file could not be kept. Tell whoever runs it; try again later."
)
UPLOADS_FULL = (
    "The uploads of all readers take as much of this server's disk as they may ({megabytes} MB). Try again in a few "
    "minutes."
)
TOO_LARGE = "This is larger than the {kilobytes} kB that one call may have. Shorten its texts."
UPLOAD_TOO_LARGE = "These files are larger than the {megabytes} MB that one upload may have. Send fewer at once."
TEXT_TOO_LONG = "A text of this call has {length:,} characters, and one may have {most:,}. Shorten it."
TOO_MANY_PARTS = "This call has more parts than the {most:,} that one may have."
TOO_SLOW = "This took too long to arrive. Try again over a better connection."
INCOMPLETE = "This did not arrive whole. Try it once more."
NO_JSON = "This call is no JSON object."
ARGUMENTS = "This call hands over fewer values than the {count} that it takes; docs/serving.md lists them."
NO_SESSION = "This call names no session that a page or program of this server could have."
NOT_HERE = "There is nothing here for you."
ONLY_FOR_THE_PAGE = (
    "Only the page itself may ask for this. Programs use /report, /draft and /overlay; a page, reload it."
)
UNKNOWN_HOST = (
    "This server does not go by that name. Whoever runs it can allow the name with PRIORRG_HOSTS, or open it under the "
    "address that it told at its start."
)
FOREIGN_ORIGIN = (
    "This came from a page of another site. Whoever runs the server can allow that site with PRIORRG_ORIGINS, or name "
    "its own public address with PRIORRG_HOSTS."
)
TOO_MANY_STREAMS = "Too many pages and programs of your address or login are open here. Close some of them."
SESSIONS_FULL = (
    "This server holds as many open pages as it may ({count}). Close pages that you do not need, or try again in a few "
    "minutes. Nothing of yours is lost."
)

# The login

LOG_OUT_BY_POST = "Press Log out on the page."
LOGIN = {
    "title": "PriorRG: log in",
    "name": "Name",
    "password": "Password",
    "press": "Log in",
}
LOGIN_WRONG = "Name or password is wrong."
LOGIN_WAIT = "Too many tries failed. Wait {seconds} seconds, then try again."
LOGIN_BUSY = "Too many people log in at this moment. Wait some seconds, then try again."
