"""A hospital's image server over DICOMweb: studies fetched from it, reports sent back, where somebody asks for it."""
