"""Many studies without a page: a manifest, and its reports line by line, by one process, several or a cluster."""
