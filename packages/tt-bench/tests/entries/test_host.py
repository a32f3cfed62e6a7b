"""An entry's process: it answers, and whatever else it does is found out."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import tt_data
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


class TestDataIsOutOfReach:
    """However the path is spelled, and whoever is asked to open it."""

    TEXT = Path(tt_data.__file__).parent / "tinytalks" / "test.txt"

    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ("text = os.read(os.open(S(TEXT), os.O_RDONLY), 9)", "belongs to the test data"),
            ("text = io.FileIO(P()).read()", "by an object of its own kind, P"),
            ("os.path.realpath = lambda path, **_: HERE; open(TEXT)", "belongs to the test data"),
            ("os._exit = print; open(TEXT)", "belongs to the test data"),
            ("import importlib; importlib.import_module('tt_data')", "belongs to the test data"),
            ("import tt_bench.entries.guard", "which is the judge's"),
            ("import sklearn.datasets", "sklearn.datasets, which has the test data"),
            ("open(f'/proc/{os.getppid()}/mem', 'rb')", "which is another process's"),
            ("open('/dev/mem', 'rb')", "outside its folder"),
            ("import gc; gc.get_objects()", "objects that are not its own (gc.get_objects)"),
            ("sys._current_frames()", "objects that are not its own (sys._current_frames)"),
        ],
    )
    def test_by_other_ways(self, make, lines: str, expected: str) -> None:
        code = (
            "import io, os, sys\n"
            f"TEXT, HERE = {str(self.TEXT)!r}, __file__\n"
            "class S(str):\n"
            "    partition = lambda self, sep: (HERE, '', '')\n"
            "    startswith = lambda self, *_: False\n"
            "    __add__ = __radd__ = lambda self, other: HERE\n"
            "class P:\n"
            "    asked = 0\n"
            "    def __fspath__(self):\n"
            "        P.asked += 1\n"
            "        return TEXT if P.asked == 1 else HERE\n"
            f"def load(folder):\n    {lines}\n    return lambda q: q\n"
        )
        assert expected in foul_of(make(code))

    @pytest.mark.skipif(os.open not in os.supports_dir_fd, reason="no folders by number here")
    def test_from_a_folder_that_is_open(self, make) -> None:
        root, path = self.TEXT.parents[2], self.TEXT.relative_to(self.TEXT.parents[2])
        code = (
            f"import os\ndef load(folder):\n    root = os.open({str(root)!r}, os.O_RDONLY)\n"
            f"    os.open({str(path)!r}, os.O_RDONLY, dir_fd=root)\n    return lambda q: q\n"
        )
        assert "belongs to the test data" in foul_of(make(code))


LINUX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such calls")


@LINUX
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("os.kill(os.getppid(), 0)", "sends signals to other processes"),
        ("os.killpg(os.getpgid(os.getppid()), 0)", "sends signals to other processes"),
        ("__import__('resource').setrlimit(4, (0, 0))", "changes limits (resource.setrlimit)"),
        ("__import__('resource').prlimit(os.getppid(), 4)", "changes limits (resource.prlimit)"),
        ("__import__('sqlite3').connect('/tmp/leak.db')", "writes /tmp/leak.db, outside"),
        (
            "__import__('multiprocessing').get_context('spawn').Process(target=print).start()",
            "starts other programs",
        ),
        ("np.memmap('w', 'u1', 'w+', shape=9)", "maps memory, which cannot be weighed"),
        ("__import__('tracemalloc').stop()", "imports tracemalloc, with which the judge weighs"),
        ("(os.closerange(3, 64), time.sleep(60))", "has closed the pipe to the judge"),
        ("print(open('/dev/null').read() + 'A' * 100_000) or object()", "expected a text"),
        ("(_ for _ in ()).throw(ValueError('\\x1b[2J\\n'))", r"it raised ValueError: \x1b[2J"),
    ],
)
def test_further_fouls_while_answering(make, line: str, expected: str) -> None:
    assert expected in foul_of(make(answering(line)))


def writing(kind: str, content: str) -> str:
    """A line that writes a message on every pipe that is open."""
    return (
        f"[os.write(fd, {kind}+len({content}).to_bytes(8, 'little')+{content}) for fd in pipes()]"
    )


PIPES = (
    "import os, stat, time, numpy as np\n"
    "def pipes():\n"
    "    for fd in range(3, 30):\n"
    "        try:\n"
    "            if stat.S_ISFIFO(os.fstat(fd).st_mode):\n"
    "                os.write(fd, b'')\n"
    "                yield fd\n"
    "        except OSError:\n"
    "            pass\n"
)


def test_an_answer_that_is_sent_ahead(make) -> None:
    line = writing("b'A'", "b'12345678' + b's7'")
    code = f"{PIPES}def load(folder):\n    return lambda q: {line} and '7'\n"
    assert "an answer to another question" in foul_of(make(code))


@pytest.mark.parametrize("weight", ["[1, 0]", "[-5, 0]", "[1e999, 0]", "[", "[[[", "3", "null"])
def test_a_weight_that_is_made_up(make, weight: str) -> None:
    line = writing("b'M'", f"b'12345678{weight}'")
    code = f"{PIPES}w = np.zeros(9)\ndef load(folder):\n    return lambda q: str({line})\n"
    with EntryProcess(make(code), QUICK, traced=True) as process, pytest.raises(Foul):
        process.weigh(["a"])


def test_weights_that_are_let_go_are_held(make) -> None:
    line = "w.clear() or '7' if len(asked) == 4 else '7'"  # when it is asked for the last time
    code = (
        "import numpy as np\nasked = []\n"
        "def load(folder):\n"
        "    w = [np.ones(1_000_000, np.int8)]\n"
        f"    return lambda q: asked.append(q) or ({line})\n"
    )
    with EntryProcess(make(code), QUICK, traced=True) as process:
        held, _ = process.weigh(["a", "b", "c"])
    assert held >= 1_000_000


def test_weights_in_bytes_and_texts_are_held(make) -> None:
    code = (
        "from array import array\n"
        "class Model:\n"
        "    def __init__(self):\n"
        "        self.rows = [bytes(1000) for _ in range(50)]\n"
        "        self.more = {'a': (bytearray(20_000), 'x' * 30_000)}\n"
        "model, numbers = Model(), array('d', [0.5] * 1000)\n"
        "def load(folder):\n"
        "    return lambda q: str(len(model.rows))\n"
    )
    with EntryProcess(make(code), QUICK, traced=True) as process:
        held, _ = process.weigh(["a"])
    assert 108_000 <= held < 116_000


def test_it_is_weighed_while_it_answers_as_before(make) -> None:
    with EntryProcess(make(), QUICK, traced=True) as process:
        assert process.weigh(["1+2", "3+4"], ["3", "7"])[0] >= 8000
        with pytest.raises(Foul, match="while it is weighed it answers '3', not '4'"):
            process.weigh(["1+2"], ["4"])


def test_traces_that_are_cleared(make) -> None:
    code = (
        "import importlib, numpy as np\n"
        "def load(folder):\n"
        "    w = np.ones(1000)\n"
        "    importlib.import_module('_tracemalloc').clear_traces()\n"
        "    return lambda q: q\n"
    )
    gone = pytest.raises(Foul, match="traces of memory by which it is weighed are gone")
    with EntryProcess(make(code), QUICK, traced=True) as process, gone:
        process.weigh(["a"])


def test_work_in_the_background_is_found(make) -> None:
    code = (
        "import threading\n"
        "def spin():\n"
        "    while True: sum(range(10_000))\n"
        "def load(folder):\n"
        "    threading.Thread(target=spin, daemon=True).start()\n"
        "    return lambda q: q\n"
    )
    with EntryProcess(make(code), QUICK) as process:
        process.predict("a")
        system = psutil.Process(process.process.pid)
        while sum(system.cpu_times()[:2]) - process._loading_seconds < 1.0:
            time.sleep(0.05)
        assert "it goes on in the background" in process.overtime()
    with EntryProcess(make(name="idle"), QUICK) as process:
        process.predict("1+2")
        assert process.overtime() == ""


def test_a_large_query_that_is_never_read(make) -> None:
    line = writing("b'A'", "b'12345678' + b's7'")
    code = f"{PIPES}def load(folder):\n    return lambda q: {line} and time.sleep(60)\n"
    with EntryProcess(make(code), QUICK) as process:
        with pytest.raises(Foul):
            process.predict("?")
        with pytest.raises(Foul, match="took longer than 1 s"):
            process.predict(np.zeros(1_000_000))


@LINUX
def test_what_it_started_ends_with_it(make) -> None:
    code = (  # by a C library, of which no event tells
        "import ctypes, numpy as np\n"
        "def load(folder):\n"
        "    ctypes.CDLL(None).system(b'sleep 600 & echo $! > child')\n"
        "    child = (folder / 'child').read_text()\n"
        "    return lambda q: child\n"
    )
    with EntryProcess(make(code), QUICK) as process:
        child = int(process.predict("?"))
        assert psutil.pid_exists(child)
    for _ in range(100):
        if not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie":
            break
        time.sleep(0.05)
    else:
        raise AssertionError(f"process {child} is still there")


@pytest.mark.parametrize(
    "options",
    [{"query_seconds": float("nan")}, {"load_seconds": 0}, {"memory_bytes": -1}, {"threads": 0}],
)
def test_limits_are_above_zero(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="Limits: expected"):
        Limits(**options)
