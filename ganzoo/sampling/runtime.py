"""onnxruntime, imported in this one place, so that a broken installation is answered in a sentence everywhere.

    from ganzoo.sampling.runtime import ort

Raises GanzooError where it cannot be imported, or where files of it are gone.
"""

import sys

from ganzoo.core.errors import GanzooError, first_line
from ganzoo.sampling.wheels import broken, several, wheels

try:
    import onnxruntime as ort
except Exception as error:  # its shared library can fail in any way
    raise GanzooError(broken(first_line(error))) from error

if missing := [name for name in ("__version__", "InferenceSession") if not hasattr(ort, name)]:
    raise GanzooError(broken(f"it has no {missing[0]}"))  # what is left when another wheel was uninstalled

if note := several(wheels()):
    sys.stderr.write(f"Note: {note}\n")  # once a process, as modules are imported once

__all__ = ["ort"]
