"""Going through a review: what comes next, in which order, with the audit's draws and planted failures mixed in."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from neuface_engine.errors import NeuFaceError
from neuface_engine.review import Project
from neuface_engine.review.assignment import hold, open_names
from neuface_engine.review.flagging import learn_from, learned_names
from neuface_engine.review.journal import FileJournal
from neuface_engine.review.learned import Learned
from neuface_engine.review.neighbours import Neighbour, nearest
from neuface_engine.review.proof import StreamItem, review_stream
from neuface_engine.review.queue import Filter, QueueRow
from neuface_studio.session import Session

LISTED = "listed"  # as the queue is sorted and filtered
OPEN_STATES = ("tracked", "stale")  # there is a track, and no verdict on these bytes
LEARN_EVERY = 10  # verdicts after which the learned order is learned anew
LIKE_IT = 8
AT_ONCE = 200
AMONG = 20_000  # the most suspicious sequences among which look-alikes are sought


class GoingOn(QObject):
    """The stream of a project's review. ``wanted(item, source)`` asks the window to open what comes next.

    What is drawn for the audit, planted or suspect looks the same in the window: `current` is not shown anywhere.
    """

    wanted = Signal(object, object)
    changed = Signal()

    def __init__(
        self,
        session: Session,
        project_of: Callable[[], Project | None],
        reviewer: Callable[[], str],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._project_of, self._reviewer = session, project_of, reviewer
        self.order = LISTED
        self.seed = 0
        self.listed: Callable[[], tuple[Filter, str, bool]] = lambda: (Filter(), "name", False)
        self.learned: Learned | None = None
        self.current: StreamItem | None = None
        self._stream: list[StreamItem] = []
        self._places: dict[tuple[str, str], int] = {}
        self._last = 0  # the place that was open last
        self._from_start = False  # a new order is gone through from its first one
        self._folder: Path | None = None
        self._done: set[str] = set()  # plants judged, by their id
        self._first: list[str] = []  # what was put before everything else
        self._verdicts = 0
        self.disputes_only = False  # while somebody adjudicates
        self.has_plants = (
            False  # whether any are mixed in: then the own track must not be told from a planted one
        )

    # The order

    def set_disputes_only(self, on: bool) -> None:
        """Go through what reviewers differ on, and nothing else; or through everything again."""
        self.disputes_only = on
        self.renew()

    def set_order(self, order: str, *, seed: int | None = None) -> None:
        """Go through the queue in another order, from its beginning."""
        self.order = order
        self._from_start = True
        self.seed = self.seed if seed is None else seed
        self.renew()

    def put_first(self, names: list[str]) -> None:
        """Look at these before everything else."""
        self._first = list(names)
        self.changed.emit()

    def renew(self) -> None:
        """Make the stream anew when it is next needed."""
        self._folder = None
        self.changed.emit()

    def count_verdict(self) -> None:
        """A verdict was given: the learned order is renewed now and then."""
        self._verdicts += 1
        if self.order == "learned" and self._verdicts % LEARN_EVERY == 0:
            self.renew()
        else:
            self.changed.emit()

    def plant_done(self, identifier: str) -> None:
        """A planted failure was judged: it does not come again."""
        self._done.add(identifier)

    def mixes_plants(self) -> bool:
        """Whether planted failures are mixed in."""
        self.stream()
        return self.has_plants

    def plant_open_again(self, identifier: str) -> None:
        """The verdict on a planted failure was taken back."""
        self._done.discard(identifier)

    def practice_left(self) -> int:
        """How many planted failures for practice are still to come."""
        plants = [item.plant for item in self.stream() if item.plant is not None]
        return sum(plant.practice and plant.id not in self._done for plant in plants)

    def stream(self) -> list[StreamItem]:
        """Everything without a verdict, in its order; empty without a project."""
        project = self._project_of()
        if project is None:
            return []
        if project.folder != self._folder:
            try:
                self._stream = self._made(project)
            except NeuFaceError as error:
                self._session.notify("error", str(error))
                self._stream = []
            self._folder = project.folder
            self.has_plants = any(item.plant is not None for item in self._stream)
            self._places = {_key(item): place for place, item in enumerate(self._stream)}
        return self._stream

    def _made(self, project: Project) -> list[StreamItem]:
        if self.disputes_only:
            return [StreamItem(name, "suspicion") for name in disputed(project)]
        # With what is judged already: the place in the stream must not move under the reviewer.
        return review_stream(project, self._names(project), reviewer=self._reviewer())

    def _names(self, project: Project) -> list[str]:
        where, order, descending = self.listed()
        if self.order == LISTED:
            return project.index.names(where, order=order, descending=descending)
        if self.order != "learned":
            return project.index.names(where, order=self.order, seed=self.seed)
        self.learned = learn_from(project, seed=self.seed, seen_by=self._reviewer())
        return learned_names(project, self.learned, where)

    # Going

    @property
    def many(self) -> bool:
        """Whether there is more than one sequence to go through."""
        return len(self.stream()) > 1

    def left(self) -> int:
        """How many sequences that fit wait for a verdict."""
        project = self._project_of()
        try:
            if project is None:
                return 0
            if self.disputes_only:
                return len(disputed(project))
            return project.index.count(replace(self.listed()[0], states=OPEN_STATES))
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return 0

    def without_track(self) -> int:
        """How many sequences that fit are not optimised yet: there is nothing to judge."""
        project = self._project_of()
        try:
            return 0 if project is None else project.index.count(replace(self.listed()[0], states=("new",)))
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return 0

    def go_on(self, steps: int = 1) -> bool:
        """Open the next item without a verdict (-1: the one before); False where there is none."""
        while self._first and steps > 0:
            name = self._first.pop(0)
            if name in self._open_among([name]) and self._open(StreamItem(name, "suspicion")):
                return True
        taken: set[str] = set()
        while (found := self._ahead(steps, taken)) is not None:
            if found.plant is not None or self._is_free(found.sequence):
                return self._open(found)
            taken.add(found.sequence)
        return False

    def upcoming(self) -> Path | None:
        """The footage of what comes next, to be read ahead; None where nothing does, or where it is unknown."""
        item = self._ahead(1)
        return None if item is None else self.source_of(item.sequence)

    def source_of(self, name: str) -> Path | None:
        """Where the footage of a sequence lies; None for the demo."""
        project = self._project_of()
        try:
            source = None if project is None else project.source_of(name)
            return None if source is None else source.resolve()
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return None

    def open_name(self, name: str) -> bool:
        """Open a sequence by its name."""
        return self._open(StreamItem(name, "suspicion"))

    def open_item(self, item: StreamItem) -> bool:
        """Open this very item of the stream again."""
        return self._open(item)

    def like(self, name: str, measures: dict[str, float] | None = None) -> list[Neighbour]:
        """The sequences without a verdict that are most like this one, the nearest first; ``measures``: as it is shown,
        where that is not its track."""
        project = self._project_of()
        if project is None:
            return []
        try:
            own = project.index.row(name)
            open_ones = Filter(states=OPEN_STATES, seen_by=self._reviewer())
            rows = project.index.rows(open_ones, limit=AMONG)
            rows = [row for row in rows if row.name != name]
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return []
        if own is not None and measures is not None:
            own = replace(own, measures=measures)
        if own is None or not own.measures:
            return []
        rows = [own, *(row for row in rows if row.measures)]
        return nearest(name, [row.name for row in rows], [row.measures for row in rows], count=LIKE_IT)

    def _is_free(self, name: str) -> bool:
        """In a team's project: whether nobody else has this sequence in hand; it is ours then."""
        project = self._project_of()
        if project is None or isinstance(project.log, FileJournal):
            return project is not None
        try:
            if self.disputes_only:
                return hold(project.index, self._reviewer(), name)
            return project.next(self._reviewer(), Filter(names=(name,))) is not None
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return False

    def _ahead(self, steps: int, without: Collection[str] = ()) -> StreamItem | None:
        """The nearest item in this direction that is not done and not open; the stream has no end."""
        stream = self.stream()
        count, place = len(stream), self._place()
        start = place if place is not None else self._last - (steps > 0)
        if self._from_start and steps > 0:
            start = -1
        ahead = [stream[(start + move * steps) % count] for move in range(1, count + 1)]
        if steps > 0:  # the practice block comes before everything else
            ahead.sort(key=lambda item: item.plant is None or not item.plant.practice)
        ahead = [i for i in ahead if not self._is_current(i) and i.sequence not in without]
        for begin in range(0, len(ahead), AT_ONCE):
            chunk = ahead[begin : begin + AT_ONCE]
            still_open = self._open_among([item.sequence for item in chunk])
            for item in chunk:
                if item.plant.id not in self._done if item.plant is not None else item.sequence in still_open:
                    return item
        return None

    def _open_among(self, names: list[str]) -> set[str]:
        """Those that have a track and wait for a verdict of this reviewer."""
        project = self._project_of()
        try:
            if project is None:
                return set()
            if self.disputes_only:
                return set(disputed(project, tuple(names)))
            return open_names(project.index, self._reviewer(), names)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return set()

    def _open(self, item: StreamItem) -> bool:
        row = self._row(item.sequence)
        if row is None:
            return False
        self.current = item
        self._from_start = False
        self.wanted.emit(item, row)
        return True

    def _row(self, name: str) -> QueueRow | None:
        project = self._project_of()
        try:
            return None if project is None else project.index.row(name)
        except NeuFaceError as error:
            self._session.notify("error", str(error))
            return None

    def _place(self) -> int | None:
        """Where the open sequence is in the stream; None where it is not."""
        current = self.current or StreamItem(self._session.sequence_name, "suspicion")
        place = self._places.get(_key(current))
        if place is not None:
            self._last = place
        return place

    def _is_current(self, item: StreamItem) -> bool:
        shown = None if self.current is None else self.current.plant
        if item.plant is not None or shown is not None:
            return item == self.current
        return item.sequence == self._session.sequence_name


def disputed(project: Project, names: tuple[str, ...] | None = None) -> list[str]:
    """Sequences on which reviewers differ and nobody has adjudicated, by name; without those that somebody is still to
    judge blind. Raises ProjectError."""
    rows = project.index.rows(Filter(disputed=True, names=names), order="name")
    return [row.name for row in rows if not row.is_hidden]


def _key(item: StreamItem) -> tuple[str, str]:
    return item.sequence, "" if item.plant is None else item.plant.id
