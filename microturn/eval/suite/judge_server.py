"""The language model of a judge behind any OpenAI-compatible endpoint. The one file here that asks it over the wire."""

from collections.abc import Callable
from pathlib import Path

from microturn.agent.secret import Secret
from microturn.core.errors import ConfigError, MissingDependency
from microturn.eval.suite.judge import VotingJudge

REQUEST_S = 60.0
RETRIES = 2


def server_judge(url: str, model: str, key: Secret, cache: Path) -> VotingJudge:
    """A judge that asks `model` at `url` ("http://127.0.0.1:8000/v1"); votes are kept in `cache`."""
    if not url.startswith(("http://", "https://")) or not model:
        raise ConfigError("a judge", "url and model", f"{url!r}, {model!r}", "http(s)://..., a name")
    return VotingJudge(model, asking(url, model, key), cache)


def asking(url: str, model: str, key: Secret) -> Callable[[str], str]:
    """One prompt to one answer, at temperature 0, streamed; OSError without the key in it where that fails."""
    try:
        from openai import OpenAI, OpenAIError
    except ImportError as error:
        raise MissingDependency("openai", "a judge", "pip install 'microturn[agent]'") from error
    client = OpenAI(base_url=url, api_key=key.reveal() or "none", timeout=REQUEST_S, max_retries=RETRIES)

    def ask(prompt: str) -> str:
        try:
            pieces = client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": prompt}], temperature=0.0, stream=True
            )
            return "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
        except OpenAIError as error:
            raise OSError(key.scrubbed(str(error))) from None  # the cause may hold the key

    return ask
