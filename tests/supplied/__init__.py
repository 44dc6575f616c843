"""What a user gives beside a recording."""
