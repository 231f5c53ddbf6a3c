"""Reporting: a Study in, a stream of events out. Knows the model and remembers images; no page, no overlay."""
