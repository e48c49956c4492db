"""Find duplicate and near-duplicate images, without looking at labels."""
