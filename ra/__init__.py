"""Registration authority: who may have which certificate, and who answered for it.

Administrators appoint the people; operators enter requests, review them, have the certificates made and delivered, and
revoke them. Every act is a statement signed with the operator's own key and kept; what a request or a person is worth
is read from the verified statements, never from a column that says so. The module writes its own tables and asks `ca`
for certificates and revocations. It must never sign a certificate, hold a key of the CA or of a holder, let anyone
approve what they entered or give themselves a role, let a branch see another's requests, or write identity numbers into
logs, the audit log or lists.
"""
