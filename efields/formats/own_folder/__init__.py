"""efields' own recording folder: its events, camera, and what was recorded beside them, each in both directions."""
