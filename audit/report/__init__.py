"""The auditor's report: what happened in a period, by whom, with plots and every finding; HTML or PDF."""
