"""What every loader returns: a recording, or a file of events that is read in passes; and the facts of either."""
