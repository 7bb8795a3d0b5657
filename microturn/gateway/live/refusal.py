"""What a Live client did wrong, as it is told so. When the session ends over it is the socket's business."""

from microturn.core.errors import MicroturnError


class Refusal(MicroturnError):
    """code, message and param of the `error` event; param: the field by its path, where there is one."""

    def __init__(self, code: str, message: str, param: str | None = None) -> None:
        self.code, self.message, self.param = code, message, param
        super().__init__(message)
