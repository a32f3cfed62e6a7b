"""What is compiled needs numba: where that is absent, none of these tests is collected."""

from importlib.util import find_spec

import pytest

from tt_models import GPT, GPTConfig
from tt_tensor import Generator, randn

collect_ignore_glob = [] if find_spec("numba") else ["*"]

LLAMA = {
    "norm": "rms",
    "mlp": "swiglu",
    "position": "rotary",
    "bias": False,
    "tie_weights": False,
    "n_kv_head": 2,
}
FORMS = {"GPT-2": {}, "Llama": LLAMA, "GPT-2 without biases": {"bias": False}}


@pytest.fixture(params=FORMS)
def model(request: pytest.FixtureRequest) -> GPT:
    """Two layers; every parameter different from its beginning, and large enough to matter."""
    form = FORMS[request.param]
    made = GPT(GPTConfig(vocab_size=31, block_size=40, n_layer=2, n_head=4, n_embd=32, **form))
    draw = Generator().manual_seed(5)
    for parameter in made.parameters():
        size = 0.15 if parameter.ndim == 2 else 0.1
        parameter.data += size * randn(*parameter.shape, generator=draw)
    return made.eval()
