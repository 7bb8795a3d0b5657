"""The shipped weights and the embedded agent on a server: a sum is handed over and what comes back is said."""

from microturn.agent.desk import Desk
from microturn.agent.embedded import EmbeddedAgent
from microturn.commands.serve import host_of
from microturn.gateway.metrics import Metrics
from microturn.gateway.settings import ServerSettings
from tests.gateway.live_client import serving
from tests.gateway.test_delegations import client, responses

SUM, RESULT = "how much is seventeen times twenty three", "three hundred ninety one"


def test_a_sum_is_handed_over_and_its_result_is_said_when_it_is_there() -> None:
    host = host_of(ServerSettings(), Metrics())
    with serving(host, desk=lambda: Desk(EmbeddedAgent())) as running, client(running) as one:
        one.start(delegation=responses())
        one.send("session.instructions.append", content=SUM)
        events = one.until("session.delegation.created")
        events += one.until("delegation.task")
        assert SUM.split("is ")[1] in events[-1]["task"]
        said = list[str]()
        while RESULT not in " ".join("".join(said).split()):
            events += one.until("session.output_transcript.delta")
            said.append(events[-1]["delta"])
            assert len(said) < 60, said
        done = next(e["at_ms"] for e in events if e["type"] == "delegation.status" and e["status"] == "done")
        assert done <= events[-1]["start_ms"]  # nothing is claimed before it is there
