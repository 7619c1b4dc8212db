"""Errors we raise on purpose. The command line prints one as a single sentence and exits with 1."""


class WmError(Exception):
    """Base of every error meant for a user: what was expected, what was found, what to do next."""


class SettingsError(WmError, ValueError):
    """An unknown profile, site or day, or a setting out of range."""


class InvalidInputError(WmError, ValueError):
    """A state, an action or a file from outside does not have the promised form."""


class OutputError(WmError, OSError):
    """A file or a folder that was asked for cannot be written."""


class FormatVersionError(WmError, ValueError):
    """A table or checkpoint was written in another format version."""


class TableError(WmError, OSError):
    """A table cannot be read or written."""


class DamagedError(WmError, OSError):
    """A file is not what was committed: bits that flipped, a part that is missing, another file under its name."""


MADE_AGAIN = "`wm run --day D` makes it again, or says why it cannot"
"""What to do about an output that is missing or damaged."""


class MissingUpstreamError(WmError, LookupError):
    """What a stage needs has not been made yet."""


class CheckpointError(WmError, ValueError):
    """A checkpoint does not match what it is loaded for."""


class BrowserError(WmError, RuntimeError):
    """No usable Chromium, or it cannot be started."""


class WorldError(WmError, RuntimeError):
    """The world under test broke (crash, time-out). Collection records it as data."""


class PageChangedError(WorldError):
    """Nothing was done: the page has changed since it was looked at, and with it what the action means."""


class NotDoneError(WorldError):
    """The page does not take what was to be done: a field that is read-only, a value that its control refuses."""


class PolicyError(WmError, RuntimeError):
    """A policy cannot act in the state it is in."""


class TrainingError(WmError, RuntimeError):
    """Training stopped: a non-finite loss, a process that died."""


class ServiceError(WmError, RuntimeError):
    """A server cannot be started or reached, such as a port in use."""


class MachineError(WmError, OSError):
    """The machine refused: a full disk, a folder without permission, no memory."""


class BusyError(WmError, RuntimeError):
    """Another process is doing the same work."""


class LateError(WmError, RuntimeError):
    """An answer did not come within its limit."""


class AnswerError(WmError, RuntimeError):
    """A language model did not answer in the form that was asked for."""


class BudgetError(WmError, RuntimeError):
    """The token budget is spent; what has been answered is kept."""


class TeacherError(WmError, RuntimeError):
    """The teacher stopped in the middle; what it has annotated is kept, the rest is pending."""


class CheckFailedError(WmError, RuntimeError):
    """A blocking check of an asset failed, so nothing is built on that asset."""


class StoppedError(WmError, RuntimeError):
    """Somebody stopped a round, as with Ctrl-C."""


class LibraryPanicError(WmError, RuntimeError):
    """A library stopped in a way that it does not recover from itself."""


class PluginError(WmError, ImportError):
    """A plug-in cannot be loaded, or a checkpoint needs one that is not there."""


def error_words(error: BaseException) -> str:
    """An error in one line: ours as it is, any other with its type."""
    return str(error) if isinstance(error, WmError) else " ".join(f"{type(error).__name__} {error}".split())
