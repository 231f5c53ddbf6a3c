"""Data sets of others turned into the annotation format, one module a data set."""
