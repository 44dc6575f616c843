"""Where the camera was: poses, trajectories, cameras, rays, boxes."""
