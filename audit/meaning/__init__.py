"""What entries mean together: whether the rules of the house were kept, judged by the entries and what they refer to.

Nothing here asks the modules that wrote the entries. What happened before the log was sequenced is taken into account
and not judged: its entries did not say enough.
"""
