"""Camera motion and optical flow from events alone, by sharpening images of warped events."""
