"""Measuring what was trained: evaluation, retrieval, localisation, calibration, throughput, and the card of it all."""
