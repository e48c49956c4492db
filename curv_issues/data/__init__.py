"""From whatever a dataset is given as to decoded pictures with labels."""
