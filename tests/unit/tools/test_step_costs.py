from tools.step_costs import WRITER_STEPS


def test_every_step_that_is_timed_is_there() -> None:
    """Kind: a tool that nobody runs, and that names what was renamed."""
    assert [name for owner, name, _ in WRITER_STEPS if not hasattr(owner, name)] == []
