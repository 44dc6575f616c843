"""From a field to images: samples along rays, compositing, whole images."""
