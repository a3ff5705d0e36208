"""What each command of the table does, grouped as the menus are."""

from .comparing import CompareCommands
from .editing import EditCommands
from .files import FileCommands
from .helping import HelpCommands
from .layers import LayerCommands
from .reviewing import ReviewCommands
from .running import RunCommands
from .viewing import ViewCommands

__all__ = [
    "CompareCommands",
    "EditCommands",
    "FileCommands",
    "HelpCommands",
    "LayerCommands",
    "ReviewCommands",
    "RunCommands",
    "ViewCommands",
]
