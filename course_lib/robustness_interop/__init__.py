"""The `robustness` package (Engstrom et al. 2019): its `AttackerModel` and its checkpoints, in and out.

Most published robust models are its checkpoints. Everything here takes pixels in [0, 1]: how a network wants them
normalised is part of a checkpoint, and moves inside the model.
"""

from course_lib.robustness_interop.checkpoints import load_checkpoint, load_converted, save_checkpoint, save_converted
from course_lib.robustness_interop.networks import (
    ARCHITECTURES,
    ForeignClassifier,
    as_attacker,
    from_attacker,
    import_robustness,
)

__all__ = [
    "ARCHITECTURES",
    "ForeignClassifier",
    "as_attacker",
    "from_attacker",
    "import_robustness",
    "load_checkpoint",
    "load_converted",
    "save_checkpoint",
    "save_converted",
]
