"""Recordings that the simulator makes, kept in folders: of a scene, made again when it has changed, or of frames."""
