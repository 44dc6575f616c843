"""The sensor's data: event streams, per-pixel intervals, the contrast sensor, event images."""
