"""ROS 1 and ROS 2 bags: their records, and the event messages in them."""
