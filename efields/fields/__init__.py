"""A field is the density and radiance of a point; each file holds one kind behind its `Config`."""
