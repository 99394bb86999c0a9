"""The mastering room: any recording in, one MP3 at the agreed loudness out, with the proof of what was done to it.

The way through it: `load` checks and decodes, `loudness` measures, `gain` plans, `limiter` guards the ceiling, `encode`
writes, `tag` names, and `master` leads the whole walk.
"""
