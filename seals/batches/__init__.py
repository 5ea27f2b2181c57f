"""Batches: many documents sealed while the calling system does something else."""
