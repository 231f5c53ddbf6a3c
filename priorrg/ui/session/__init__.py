"""Feedback sessions in a browser: a reader's page at /session/NAME and the organiser's at /organise.

A page of its own beside the Gradio one: it loads no model, keeps nothing on the server but events, and is the same
after a reload, on another machine, or from another process with the same folder and database.

    rooms.py       the sessions of a folder, and who may enter which: personal links, the organiser's secret
    reading.py     what a reader is shown, as plain values: never more than the protocol shows
    live.py        reports that are written when their case is opened
    routes.py      a reader's addresses: page, state, cases, pixels, events
    agreement.py   how often readers agree so far, without unblinding
    organising.py  the organiser's addresses
    pages.py       the two pages as HTML, with their scripts in assets/ui/session*.js
    serve.py       an app of these pages alone
"""
