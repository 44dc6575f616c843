"""Camera geometry: poses, trajectories, cameras, rays, boxes."""
