"""numpy, or an error that says how to get it: it comes with the optional part `cube`."""

from wxcube.errors import SettingsError

try:
    import numpy as np
    from numpy.typing import NDArray
except ImportError as missing:
    raise SettingsError(
        "computing rows from events needs numpy", hint='install it with: pip install "wxcube[cube]"'
    ) from missing

__all__ = ["NDArray", "np"]
