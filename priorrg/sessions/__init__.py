"""Feedback sessions: readers read cases by a protocol, and what they judge comes out as data. No page in here.

    Session.at("sessions/NAME.yaml", database="")     one session: protocol, cases, folder and store (session.py)
      .protocol, .cases, .assignments(reader)         what is read, in a reader's order (protocol.py, cases.py, plan.py)
      .state(reader), .due(reader, assignment, now)   how far a reader is; when a washout ends (state.py)
      .event(reader, assignment, kind, client_id, payload=..., said_utc=...)
                                                      an Event with case, arm, weights and settings filled in
    session.store                                     append-only events (store.py; kinds and payloads: events.py)
      .reader_by_token(token) -> pseudonym or None    links: make_link, revoke_links
      .append(events) -> ids that are on the disk     idempotent by (reader, client_id); refused unless the session is
                                                      open; SessionError has words for the reader
      .is_open(), .record(kind, payload), .events(), .withdraw(reader)
    prepared(session, case, arm) -> PreparedReport    text, sentences, draft, confidences, overlays (prepare.py)
    study_of(case) -> Study                           images and context as the reader sees them, from the organiser's
                                                      folder

A page rebuilds itself from `state` and sends events with ids of its own; it shows of an arm what `Arm.show` names.
"""
