"""What is optimised against what; each file holds one `Config` whose `build` makes a problem that the loop can step."""
