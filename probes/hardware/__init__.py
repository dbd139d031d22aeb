"""What this machine has, read without torch; each reading says where it was taken from."""
