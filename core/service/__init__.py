"""Certificates of the centre's own services, as each service keeps them: what is installed, and how it is renewed.

A service asks for its next certificate by a request that its present key signs; the authority issues it and answers in
the records; the service installs it while it runs. So neither ever holds a key of the other.
"""
