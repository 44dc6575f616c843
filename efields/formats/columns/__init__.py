"""What the columns of any table of events mean: order, unit of time, fractions of pixels, sizes in words."""
