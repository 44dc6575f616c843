"""How the camera moved and how the image flowed, from events alone, by sharpening images of warped events."""
