"""The meaning of columns in any table of events: order, unit of time, fractional pixels, sizes in comments."""
