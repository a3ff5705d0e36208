"""Background work: loading footage, and the optimiser with its one-slot mailbox. No widgets, no drawing."""

from .analysing import Analysis, AnalysisWorker
from .loading import LoadRequest, LoadWorker
from .long_work import CancelledError
from .mailbox import Mailbox, SavedResult, Snapshot
from .optimising import OptimiserWorker
from .threads import BackgroundThread, end_worker, lower_priority, worker_threads

__all__ = [
    "Analysis",
    "AnalysisWorker",
    "BackgroundThread",
    "CancelledError",
    "LoadRequest",
    "LoadWorker",
    "Mailbox",
    "OptimiserWorker",
    "SavedResult",
    "Snapshot",
    "end_worker",
    "lower_priority",
    "worker_threads",
]
