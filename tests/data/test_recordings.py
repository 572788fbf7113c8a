from pathlib import Path

from stepwave.data.recordings import Recording, read_recordings, write_recordings


def test_what_is_written_is_read_back_also_with_separators_of_lines_in_a_text(tmp_path: Path) -> None:
    recordings = [
        Recording(name, f"sounds/{name}.flac", text, "check", "kokoro/af_nova", "check")
        for name, text in (("a", "one\u2028two\x85three"), ("b", "你好"))
    ]
    write_recordings(tmp_path / "list.jsonl", recordings)
    assert read_recordings(tmp_path / "list.jsonl") == recordings
