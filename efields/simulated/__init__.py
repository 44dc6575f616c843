"""Recordings that the simulator makes, kept in folders: of a scene, made anew when it has changed, or of frames."""
