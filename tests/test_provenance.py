"""Where results are from."""

import subprocess

from arseg_lightning.provenance import commit_of


def test_a_commit_is_marked_if_files_have_changed(tmp_path):
    def git(*arguments):
        names = ("-c", "user.name=n", "-c", "user.email=e")
        subprocess.run(["git", "-C", str(tmp_path), *names, *arguments], check=True)

    assert commit_of(tmp_path) is None
    git("init", "-q")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    clean = commit_of(tmp_path)
    assert len(clean) == 12
    (tmp_path / "file").write_text("b")
    assert commit_of(tmp_path) == clean + "+"
