import pytest


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """A store that runs of the same data share, so that they encode videos once."""
    return str(tmp_path_factory.mktemp("store"))
