"""The vocabulary: every message and event, frozen and tagged; the features meet nowhere else."""
