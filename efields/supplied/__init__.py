"""What a user supplies with a recording: camera, poses, the relation between them, and checks of the result."""
