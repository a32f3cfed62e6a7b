"""tt_bench.peers: the same source on TinyTorch and on PyTorch, timed in turns.

>>> from tt_bench import peers
>>> for workload in peers.WORKLOADS:
...     print(workload.name)
(x*y+x).sum() forward+backward, 32 elements
chain of 100 elementwise ops, 32 elements
MLP 784-128-10, batch 64, Adam step
GPT d128 L4 H4 T64 B16, AdamW step
"""

from .command import PEERS, main
from .contest import Contender, Process, Row, contest, disagreement
from .frameworks import Framework, load_framework
from .gpt import build_gpt
from .report import peers_json, peers_table
from .workloads import WORKLOADS, Workload, watch

__all__ = [
    "PEERS",
    "WORKLOADS",
    "Contender",
    "Framework",
    "Process",
    "Row",
    "Workload",
    "build_gpt",
    "contest",
    "disagreement",
    "load_framework",
    "main",
    "peers_json",
    "peers_table",
    "watch",
]
