"""Scripts that measure the figures in the documents; each says how to run it and how long it takes."""
