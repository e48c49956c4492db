"""Watch a training that happens anyway: in a plain loop, or through the callbacks of a training library."""
