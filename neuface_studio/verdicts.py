import time

from neuface_studio.session import Judgement


class VerdictBook:
    def __init__(self, folder, name):
        self.l = []
        self.h = []

    def add(self, v, n, r, h):
        self.l.append(Judgement(v, n, r, time.strftime("%H:%M")))
        self.h.append(h)

    def undo(self):
        return bool(self.l and (self.l.pop(), self.h.pop()))

    def current(self):
        return self.l[-1] if self.l else None

    def track_hash(self):
        return self.h[-1] if self.h else ""

    def close(self):
        pass
