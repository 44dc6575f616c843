"""efields' own recording folder: its events, camera, and what else was recorded, each in both directions."""
