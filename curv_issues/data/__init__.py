"""Load any supported dataset into LabeledData: decoded images with labels."""
