"""An entry's process: it answers, and whatever else it does is found out."""

from pathlib import Path

import numpy as np
import pytest

from tt_bench import EntryFolder, EntryProcess, Foul, Limits

QUICK = Limits(load_seconds=60, query_seconds=1.0, memory_bytes=700_000_000)


def foul_of(entry: EntryFolder, query: object = "1+2") -> str:
    """What the entry is sent off for."""
    with pytest.raises(Foul) as foul, EntryProcess(entry, QUICK) as process:
        process.predict(query)
    return str(foul.value)


def answering(line: str) -> str:
    """The code of an entry that does something while it answers."""
    return (
        f"import os, sys, time\nimport numpy as np\ndef load(folder):\n    return lambda q: {line}"
    )


def test_texts_and_arrays_are_answered(make) -> None:
    with EntryProcess(make(), QUICK) as process:
        assert process.predict("3+4") == "7"
        assert process.predict("0+1") == "1"
    double = make(answering("q * 2"), "double")
    with EntryProcess(double, QUICK) as process:
        answer = process.predict(np.arange(3, dtype=np.float32))
        assert answer.dtype == np.float32 and answer.tolist() == [0, 2, 4]


def test_it_reads_its_folder_while_loading_and_may_print(make) -> None:
    code = (
        "from pathlib import Path\n"
        "def load(folder):\n"
        "    print('loading')\n"
        "    text = (folder / 'weights.txt').read_text()\n"
        "    Path('note.txt').write_text('mine')\n"
        "    return lambda q: text + q\n"
    )
    entry = make(code)
    (entry.path / "weights.txt").write_text("w")
    with EntryProcess(entry, QUICK) as process:
        assert process.predict("?") == "w?"
    assert not (entry.path / "note.txt").exists()  # it worked on a copy


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("open('/tmp/leak.txt', 'w')", "writes /tmp/leak.txt, outside its folder"),
        ("open('../leak.txt', 'a')", "outside its folder"),
        ("os.remove('/tmp/leak.txt')", "changes /tmp/leak.txt, outside its folder (os.remove)"),
        ("os.mkdir('/tmp/leak')", "(os.mkdir)"),
        ("os.rename('entry.py', '/tmp/leak.py')", "changes /tmp/leak.py"),
        ("os.symlink('entry.py', '/tmp/leak.py')", "changes /tmp/leak.py"),
        ("open(os.path.expanduser('~') + '/../../x')", "outside its folder"),
        ("open(os.environ['TMPDIR'] + '/../errors.txt')", "outside its folder"),
        ("open('entry.py').read()", "while it answers; files are read in load()"),
        ("__import__('tt_data')", "imports tt_data, which has the test data"),
        ("__import__('subprocess').run(['true'])", "starts another program"),
        ("os.system('true')", "starts another program (os.system)"),
        ("os.fork()", "starts another program (os.fork)"),
        ("__import__('socket').create_connection(('127.0.0.1', 9))", "uses the network"),
        ("time.sleep(60)", "took longer than 1 s for one query"),
        ("[0 for _ in iter(int, 1)]", "took longer than 1 s for one query"),
        ("np.ones(10**9)", "MemoryError"),
        ("1 / 0", "it raised ZeroDivisionError: division by zero"),
        ("sys.exit(3)", "it raised SystemExit: 3"),
        ("os._exit(7)", "its process ended with code 7"),
        ("None", "expected a text or an array of numbers"),
        ("object()", "expected a text or an array of numbers"),
    ],
)
def test_fouls_while_answering(make, line: str, expected: str) -> None:
    assert expected in foul_of(make(answering(line)))


def test_many_small_pieces_of_memory_are_found_too(make) -> None:
    bomb = make(answering("[bytearray(1 << 16) for _ in iter(int, 1)]"))
    patient = Limits(load_seconds=60, query_seconds=20, memory_bytes=400_000_000)
    with EntryProcess(bomb, patient) as process, pytest.raises(Foul) as foul:
        process.predict("?")
    assert any(words in str(foul.value) for words in ("MemoryError", "of memory; 400 MB are"))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import tt_data\ndef load(f): ...", "imports tt_data"),
        ("from tt_data.tinytalks import load_tinytalks\ndef load(f): ...", "imports tt_data"),
        ("def load(folder): raise KeyError('w')", "while loading, it raised KeyError: 'w'"),
        ("def lode(folder): ...", "entry.py has no function load(folder)"),
        ("def load(folder): return 3", "must return a function that answers a query, got int"),
        ("def load(:", "while loading, it raised SyntaxError"),
        ("import time\ndef load(folder): time.sleep(60)", "took longer than 6 s to load"),
    ],
)
def test_fouls_while_loading(make, code: str, expected: str) -> None:
    with pytest.raises(Foul) as foul:
        EntryProcess(make(code), Limits(load_seconds=6.0))
    assert expected in str(foul.value)


def test_the_files_of_the_test_data_are_not_read(make) -> None:
    import tt_data

    path = Path(tt_data.__file__).parent / "tinytalks" / "test.txt"
    assert path.is_file()
    code = f"def load(folder):\n    text = open({str(path)!r}).read()\n    return lambda q: text"
    with pytest.raises(Foul, match="belongs to the test data"):
        EntryProcess(make(code), QUICK)


def test_the_work_folder_is_its_own(make) -> None:
    write = "open(os.environ['TMPDIR'] + '/x', 'w').write(q)"
    line = f"({write}, open(os.environ['HOME'] + '/x').read())[1]"
    with EntryProcess(make(answering(line)), QUICK) as process:
        assert process.predict("mine") == "mine"
        assert (process.work / "x").read_text() == "mine"


def test_a_link_does_not_lead_out(make, tmp_path) -> None:
    secret = tmp_path / "labels.txt"
    secret.write_text("42")
    entry = make("def load(folder):\n    t = open('weights').read()\n    return lambda q: t")
    (entry.path / "weights").symlink_to(secret)
    with pytest.raises(Foul, match="it reads weights, outside its folder"):
        EntryProcess(entry, QUICK)


def test_an_answer_that_lies_about_its_size(make) -> None:
    code = (
        "import os, sys\n"
        "def load(folder):\n"
        "    def predict(q):\n"
        "        for fd in range(3, 12):\n"
        "            try:\n"
        "                os.write(fd, b'A' + (1 << 50).to_bytes(8, 'little'))\n"
        "            except OSError:\n"
        "                pass\n"
        "        return q\n"
        "    return predict\n"
    )
    assert "1,125,899,906,842,624 bytes" in foul_of(make(code))


def test_weights_and_working_memory_are_weighed(make) -> None:
    code = (
        "import numpy as np\n"
        "def load(folder):\n"
        "    weights = np.ones(3_000_000, np.int8)\n"
        "    hidden = bytes(1_000_000)\n"
        "    def predict(q):\n"
        "        return str(hidden[0] + int(np.ones(2_000_000, np.int8).sum()) + int(weights[0]))\n"
        "    return predict\n"
    )
    with EntryProcess(make(code), QUICK, traced=True) as process:
        held, working = process.weigh(["a", "b"])
    assert 4_000_000 <= held < 4_100_000
    assert 2_000_000 <= working < 2_100_000


def test_the_process_ends_and_leaves_nothing(make) -> None:
    process = EntryProcess(make(), QUICK)
    scratch = process._scratch
    assert scratch.exists() and process.process.poll() is None
    process.close()
    assert not scratch.exists() and process.process.poll() is not None
    process.close()  # once more does no harm


def test_what_a_process_writes_last_is_told(make) -> None:
    crash = answering("(sys.stderr.write('so long'), sys.stderr.flush(), os._exit(9))")
    assert foul_of(make(crash)) == "its process ended with code 9: so long"
