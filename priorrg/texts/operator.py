"""The page of whoever runs the app (priorrg/ui/server/operator.py). English alone: so is the terminal that names it."""

OPERATOR = {
    "title": "PriorRG: weights",
    "only": "Only whoever sees the terminal of the app knows this address. Do not pass it on.",
    "now": "This app reads with {name}.",
    "look": "See what the published weights take",
    "fetch": "Fetch the published weights",
    "again": "Try again",
    "offer": (
        "The checkpoint of the paper's authors comes from the hub. Size, license, disk and memory are said before "
        "anything is fetched."
    ),
    "looking": "Asking the hub.",
    "fetching": "{have} of {size} ({percent} %), about {left} left.",
    "importing": "Everything has arrived. It is being imported.",
    "here": (
        "The published weights are here. To read with them: PRIORRG_WEIGHTS=published, or "
        "`priorrg weights use published`."
    ),
    "done": (
        "They are here. Start the app anew to read with them: they are used from now on wherever no weights are named."
    ),
    "named": "This app was started with weights named: leave PRIORRG_WEIGHTS and --weights out, or say published.",
    "failed": "The weights could not be fetched. The log of the app says why.",
}
AT_START = "To fetch the published weights from a browser: {address}"
