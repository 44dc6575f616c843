"""One codec a file format, in both directions where both exist: bytes and columns, nothing of recordings."""
