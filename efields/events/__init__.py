"""What the sensor says: event streams, per-pixel intervals, the contrast sensor, event images."""
