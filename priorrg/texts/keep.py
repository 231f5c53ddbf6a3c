"""What a reader made is kept: when the line is down, when something is lost, and before it is thrown away
(priorrg/ui/keep.py)."""

KEEP = {
    "down": "The line to the server is down. What you type stays here and is kept as soon as the line is back.",
    "forgotten": (
        "The server has forgotten this page: it was restarted, or the page was away or idle for too long. What stands "
        "here can still be copied; for anything else reload the page and load the images anew."
    ),
    "discard": "What you wrote or marked on this report was not sent as feedback. Go on without sending it?",
}
# Said by the page that comes after a reload
ANEW = (
    "The server has forgotten what stood here: it was restarted, or the page was away or idle for too long. The page "
    "begins anew with an example; what you had typed and not sent stands under Feedback."
)
BROKEN_OFF = "The reading was broken off when the connection was lost. Press Generate again."
