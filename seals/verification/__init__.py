"""The truth about a sealed document: facts, judgement, and how it is told."""
