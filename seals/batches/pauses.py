"""How long to wait before something is tried again: longer each time, and never all at the same moment."""

from datetime import timedelta

from tenacity import RetryCallState, Retrying, wait_exponential_jitter

_WAIT = wait_exponential_jitter(multiplier=5, max=3600, exp_base=3, jitter=5)


def pause_before(attempts: int) -> timedelta:
    """The pause after so many attempts that failed: 5 seconds at first, an hour at most."""
    state = RetryCallState(Retrying(wait=_WAIT), None, (), {})
    state.attempt_number = attempts
    return timedelta(seconds=_WAIT(state))
