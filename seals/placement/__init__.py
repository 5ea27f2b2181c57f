"""Where on a page a seal goes: how people ask for it, and what that means in the page's own space."""
