"""What each command of the table does, grouped as the menus are."""

from .comparing import CompareCommands
from .editing import EditCommands
from .files import FileCommands
from .helping import HelpCommands
from .reviewing import ReviewCommands
from .running import RunCommands
from .viewing import LAYER_FIELDS, ViewCommands

__all__ = [
    "LAYER_FIELDS",
    "CompareCommands",
    "EditCommands",
    "FileCommands",
    "HelpCommands",
    "ReviewCommands",
    "RunCommands",
    "ViewCommands",
]
