"""From a field to what a camera sees: samples along rays, compositing, whole images."""
