"""What a developer may choose of the background agent, and the agent that is meant by it. Command lines live above."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from microturn.agent.embedded import EmbeddedAgent
from microturn.agent.job import BackgroundAgent
from microturn.agent.mcp_servers import mcp_servers
from microturn.agent.secret import secret_from
from microturn.agent.toolbox import Toolbox, zone_now
from microturn.agent.tools.documents import Documents
from microturn.agent.tools.notes import Notes
from microturn.core.errors import ConfigError, MissingDependency

KEY_VARIABLE = "MICROTURN_AGENT_KEY"


@dataclass(frozen=True)
class AgentOptions:
    """url: of an OpenAI-compatible API; "" is the embedded agent, which needs neither key nor network.

    key_file: the key of that API; without one it is taken from MICROTURN_AGENT_KEY. notes: file that keeps notes and
    reminders, None forgets them; documents: folder to search; zone: of the user, such as Europe/Berlin.
    """

    url: str = ""
    model: str = ""
    mcp: Path | None = None
    key_file: Path | None = None
    notes: Path | None = None
    documents: Path | None = None
    zone: str = ""
    images: bool = False

    def __post_init__(self) -> None:
        if bool(self.url) != bool(self.model):
            came = f"url {self.url!r}, model {self.model!r}"
            raise ConfigError("an agent", "agent", came, "both a url and the name of a model, or neither")
        if self.mcp is not None and not self.url:
            raise ConfigError("MCP servers", "agent", "no language model", "a url and a model that can use them")
        if self.zone:
            try:
                ZoneInfo(self.zone)
            except (ZoneInfoNotFoundError, ValueError) as error:
                raise ConfigError("a time zone", "agent", repr(self.zone), "one such as Europe/Berlin") from error


def agent_of(options: AgentOptions) -> BackgroundAgent:
    """The agent that is meant. Nothing is started yet: servers and connections come with the first task.

    InputError for files that are wrong, MissingDependency without the extra `agent` where a model is asked for.
    """
    servers = mcp_servers(options.mcp) if options.mcp is not None else ()
    key = secret_from(KEY_VARIABLE, options.key_file)
    documents = Documents(options.documents) if options.documents is not None else None
    box = Toolbox(Notes(options.notes), documents, now=zone_now(options.zone))
    if not options.url:
        return EmbeddedAgent(box)
    try:
        from microturn.agent.llm import LlmAgent, LlmConfig
    except ImportError as error:
        box.close()
        raise MissingDependency("pydantic-ai", "an agent with a model", "pip install 'microturn[agent]'") from error
    return LlmAgent(LlmConfig(options.url, options.model, images=options.images), key, box, servers)
