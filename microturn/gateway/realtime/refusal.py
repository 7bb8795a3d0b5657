"""What a client event is refused with. A refusal is told in an `error` event and leaves the session as it was."""

from typing import Any

from microturn.core.errors import MicroturnError


class Refusal(MicroturnError):
    """A client event that is not carried out.

    code: a fixed word for programs; message: one line for people; param: the dotted path of the field at fault;
    event_id: the client's own name of its event, given back so that it can find what was refused.
    Codes that clients take as the end of the account (`insufficient_quota` and its kind) are never used.
    """

    def __init__(self, code: str, message: str, param: str | None = None, event_id: str | None = None) -> None:
        self.code, self.message, self.param, self.event_id = code, message, param, event_id
        super().__init__(message)

    def __reduce__(self) -> tuple[type, tuple[str, str, str | None, str | None]]:
        return type(self), (self.code, self.message, self.param, self.event_id)

    def body(self, event_id: str | None = None) -> dict[str, Any]:
        """The `error` object; event_id is used when the refusal does not know one itself."""
        return {
            "type": "invalid_request_error",
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": self.event_id or event_id,
        }
