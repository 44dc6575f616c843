"""What lies between a loader and a writer: filters and changes of pixels and times, for all that a recording holds."""
