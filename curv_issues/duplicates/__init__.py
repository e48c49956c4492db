"""Images that show the same: identical, or nearly so. Nothing here sees a label."""
