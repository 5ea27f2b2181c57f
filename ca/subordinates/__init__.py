"""Authorities under a parent that signs elsewhere: under our own root, kept offline, or under another centre.

The issuing home makes key and request (`requests`) and takes the certificate back (`installing`); the parent's home
examines the request and signs it (`signing`). What goes to and fro are files. Nothing is trusted because it came: a
certificate must be for the key, name and profile that were asked for, under a root that somebody compared.
"""
