"""Motion from events."""
