"""The backend that compiles: loops in Python that numba turns into machine code.

NumPy is fast where one call does much: a large product. It is slow where each call does little (one
token of a small GPT), and where several calls pass over the same memory (mean, subtract, square,
add up, ...: a layer norm). A compiled loop calls nothing and passes once.

What is compiled: layer norm, RMS norm, GELU, SwiGLU's gate, causal softmax, rotary positions and
cross-entropy, forward and backward; Adam's step; and, for writing, a whole token through all layers
of a GPT, with float32 or int8 weights. What is not: large products, which stay in OpenBLAS.

What it costs: numba is a large dependency (it brings LLVM), and the first call of each kernel takes
seconds, as it is compiled then. The machine code is kept on disk, in ``__pycache__`` beside the
sources or, where that cannot be written, in the user's cache folder (``NUMBA_CACHE_DIR`` names
another), so later processes load it in a tenth of a second. Whoever changes a kernel that others
call has to delete it: numba looks at the file of the caller only.

Everything here runs on one thread: the GEMMs between the loops have OpenBLAS's threads. Should
numba's own threads be used in the same process, they wait for work busily, on the processors that
OpenBLAS needs: a training step then took 276 ms in the place of 51. So OMP_WAIT_POLICY=PASSIVE is
set before numba is loaded, unless the user has set it.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from .build import build  # after the environment is set
from .counts import register

register()

__all__ = ["build"]
