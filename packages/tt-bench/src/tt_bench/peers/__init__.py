"""tt_bench.peers: TinyTorch side by side with PyTorch and others, timed in turns.

To add a workload, write what builds its step and give it an entry in ``workloads/__init__.py``.

>>> from tt_bench import peers
>>> for workload in peers.WORKLOADS:
...     print(workload.name)
(x*y+x).sum(), 32 elements
100 elementwise ops in a row
micrograd's MLP, 0-d tensors
micrograd's MLP, scalar.py
micrograd's MLP, Modules
MLP 784-128-10 B64, Adam
GPT d128 L4 H4 T64 B16, AdamW
GPT d384 L6 H6 T256 B4, AdamW
Adam step, 4 M parameters
cross-entropy 1024×1000
LeNet-5 B64, SGD
CNN 16-32-64 B64, SGD
CNN 16-32-64 B64, forward
BPE 1 MB, learn 1,000 merges
BPE 1 MB, encode new words
BPE 1 MB, encode known words
"""

from .command import OURS, PEERS, main
from .contest import Row, Terms, contest, disagreement
from .memory import MemoryRow, measure_memory
from .processes import BARE, Contender, Process
from .progress import Announcer
from .record import peers_json
from .report import Circumstances, memory_table, peers_table
from .workloads import (
    WORKLOADS,
    Framework,
    Workload,
    both,
    build_gpt,
    find_workload,
    load_framework,
    watch,
)

__all__ = [
    "BARE",
    "OURS",
    "PEERS",
    "WORKLOADS",
    "Announcer",
    "Circumstances",
    "Contender",
    "Framework",
    "MemoryRow",
    "Process",
    "Row",
    "Terms",
    "Workload",
    "both",
    "build_gpt",
    "contest",
    "disagreement",
    "find_workload",
    "load_framework",
    "main",
    "measure_memory",
    "memory_table",
    "peers_json",
    "peers_table",
    "watch",
]
