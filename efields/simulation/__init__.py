"""A simulated sensor: scenes rendered along a camera path, and the events that an event camera would send."""
