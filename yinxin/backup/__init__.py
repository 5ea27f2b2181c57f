"""Backups: one snapshot of the records and the home's files, encrypted to custodians, signed with the audit key; and
restoring an installation from one.

A backup never holds a passphrase or a PIN. What a restored installation must not repeat, and must be told of, is
`yinxin.backup.aftermath`.
"""
