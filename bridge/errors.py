"""Every error a caller can meet. The code is stable; transports translate codes, never text.

BridgeError                  bridge_error       something went wrong here
├── InputError               invalid_input      a value that can't be used
│   ├── MissingInput         missing_input      a required value did not come
│   ├── UnknownInput         unknown_input      a name the model does not have
│   ├── TooLarge             too_large          beyond a stated limit
│   └── BadMessage           bad_message        not JSON, not a frame, not a form
├── NotFound                 not_found          no such thing here
│   ├── UnknownModel         unknown_model
│   ├── UnknownSession       unknown_session
│   ├── UnknownCommand       unknown_command
│   ├── UnknownPort          unknown_port
│   └── NoOutputYet          no_output_yet      the model has not given anything out
├── Refused                  refused            understood, not allowed
│   ├── Unauthorized         unauthorized       the token is missing or wrong
│   ├── Forbidden            forbidden          this host or origin may not call
│   ├── NameTaken            name_taken         another model runs under that name
│   ├── Busy                 busy               a queue or a table is full
│   └── TooSlow              too_slow           a reader fell behind its buffer
├── ModelError               model_error        the model's own trouble
│   ├── ModelFailed          model_failed       its code raised
│   ├── ModelCrashed         model_crashed      its process ended during a run
│   ├── ModelBroken          model_broken       its folder or code can't be used
│   │   ├── NetworkGated     network_gated      its publisher lets in only those who asked
│   │   ├── NetworkMissing   network_missing    no network, or no revision, of that name
│   │   ├── HubUnreachable   hub_unreachable    it is not here yet, and can't be fetched now
│   │   └── DiskFull         disk_full          no room for what has to be fetched
│   └── ModelStopped         model_stopped      it gave up after repeated crashes
├── Cancelled                cancelled          the caller, or the end of the session, ended it
└── SetupError               setup_error        the server can't start like this
    ├── SettingError         bad_setting
    ├── PortTaken            port_taken
    └── StateUnwritable      state_unwritable
"""

from typing import ClassVar, Self

import msgspec


class ErrorInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error as it crosses a process or a wire."""

    code: str
    message: str
    hint: str = ""
    field: str = ""


class BridgeError(Exception):
    """What went wrong, a hint what to do, and the field it is about."""

    code: ClassVar[str] = "bridge_error"

    def __init__(self, message: str, *, hint: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field

    def about(self, name: str) -> Self:
        """The same error, saying which session or model it is about."""
        return type(self)(f"{name}: {self.message}", hint=self.hint, field=self.field)

    def info(self) -> ErrorInfo:
        return ErrorInfo(self.code, self.message, self.hint, self.field)


class InputError(BridgeError):
    code = "invalid_input"


class MissingInput(InputError):
    code = "missing_input"


class UnknownInput(InputError):
    code = "unknown_input"


class TooLarge(InputError):
    code = "too_large"


class BadMessage(InputError):
    code = "bad_message"


class NotFound(BridgeError):
    code = "not_found"


class UnknownModel(NotFound):
    code = "unknown_model"


class UnknownSession(NotFound):
    code = "unknown_session"


class UnknownCommand(NotFound):
    code = "unknown_command"


class UnknownPort(NotFound):
    code = "unknown_port"


class NoOutputYet(NotFound):
    code = "no_output_yet"


class Refused(BridgeError):
    code = "refused"


class Unauthorized(Refused):
    code = "unauthorized"


class Forbidden(Refused):
    code = "forbidden"


class NameTaken(Refused):
    code = "name_taken"


class Busy(Refused):
    code = "busy"


class TooSlow(Refused):
    code = "too_slow"


class ModelError(BridgeError):
    code = "model_error"


class ModelFailed(ModelError):
    code = "model_failed"


class ModelCrashed(ModelError):
    code = "model_crashed"


class ModelBroken(ModelError):
    code = "model_broken"


class NetworkGated(ModelBroken):
    code = "network_gated"


class NetworkMissing(ModelBroken):
    code = "network_missing"


class HubUnreachable(ModelBroken):
    code = "hub_unreachable"


class DiskFull(ModelBroken):
    code = "disk_full"


class ModelStopped(ModelError):
    code = "model_stopped"


class Cancelled(BridgeError):
    code = "cancelled"


class SetupError(BridgeError):
    code = "setup_error"


class SettingError(SetupError):
    code = "bad_setting"


class PortTaken(SetupError):
    code = "port_taken"


class StateUnwritable(SetupError):
    code = "state_unwritable"


def _tree(root: type[BridgeError]) -> dict[str, type[BridgeError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


BY_CODE = _tree(BridgeError)


def from_info(info: ErrorInfo) -> BridgeError:
    """The error again, as its own class; an unknown code becomes a plain BridgeError."""
    return BY_CODE.get(info.code, BridgeError)(info.message, hint=info.hint, field=info.field)
