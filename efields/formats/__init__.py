"""One codec per file format, in both directions where both exist: it handles bytes and columns, not recordings."""
