"""The planted audit from end to end: models trained or taken, graded on the same held-out photos, and a report."""
