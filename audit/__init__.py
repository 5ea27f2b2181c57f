"""The audit log as an outsider verifies it: committed entries ordered into a Merkle tree, checkpoints signed and copied
outside, exported in one file, proven and verified with a public key alone, judged by their meaning, reported.

Entries come to be in every act's own transaction (`core.audit`); here they are only ordered, never made or changed. It
may read the entries and use the audit key; it must never hold another authority's key, and stands on core alone, so
that no authority's own rules decide whether that authority kept them.
"""
