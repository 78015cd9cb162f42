"""A sweep as one page: what was searched, what was found, and how far to believe it."""
