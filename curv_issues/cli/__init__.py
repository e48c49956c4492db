"""The command `curv-issues`."""
