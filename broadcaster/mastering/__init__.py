"""The mastering room: any recording in, one MP3 at the agreed loudness out, with the proof of what was done to it.

The way through it: `load` checks and decodes, `spool` keeps what was decoded, `loudness` measures, `keep` passes what
is good already, `setting` plans, `render` turns up and limits, `encode` and `join` write, `proof` measures what was
written, `tag` names, and `master` leads the whole walk.
"""

import contextlib
import ctypes
import os

# Products of small matrices, in two threads of our own: threads of the matrix library would only stand in their way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# One heap for all threads: with one each, glibc keeps some 10 MB that nobody needs. Others have no such call.
_M_ARENA_MAX = -8
with contextlib.suppress(AttributeError, OSError):
    ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
