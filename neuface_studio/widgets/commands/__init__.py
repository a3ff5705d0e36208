"""What each command of the table does, grouped as the menus are."""

from .arranging import WindowCommands
from .comparing import CompareCommands
from .editing import EditCommands
from .files import FileCommands
from .helping import HelpCommands
from .layers import LayerCommands
from .playing import PlayCommands
from .queueing import QueueCommands
from .repairing import RepairCommands
from .reviewing import ReviewCommands
from .running import RunCommands
from .viewing import ViewCommands

__all__ = [
    "CompareCommands",
    "EditCommands",
    "FileCommands",
    "HelpCommands",
    "LayerCommands",
    "PlayCommands",
    "QueueCommands",
    "RepairCommands",
    "ReviewCommands",
    "RunCommands",
    "ViewCommands",
    "WindowCommands",
]
