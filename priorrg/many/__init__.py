"""Many studies without a page: a manifest of them, and their reports line by line."""
