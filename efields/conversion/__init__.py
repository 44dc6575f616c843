"""Between a loader and a writer: filters and changes of pixels and times, for everything in a recording."""
