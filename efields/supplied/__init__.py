"""What a user gives beside a recording: the camera, the poses, how they hang together, and what that leads to."""
