"""From whatever a dataset is given as to decoded images with labels."""
