"""A conversation as lines of a terminal, told while it goes on. What is told again later, as a page, is page.py."""

from rich.console import Console
from rich.text import Text

from microturn.commands.held import Heard, end_s
from microturn.core.chunk import MicroTurn
from microturn.core.clock import TICK_MS
from microturn.data.render import Rendered
from microturn.eval.marks import Mark, Verdict, marks
from microturn.eval.said import SaidLog
from microturn.eval.scorers import NEAR_TICKS, Said
from microturn.media.pcm import Pcm

PAUSE_MS = 600
STYLES: dict[Verdict, str] = {"right": "green", "early": "yellow", "late": "yellow"}
SIGNS: dict[Verdict, str] = {"right": "✓", "early": "≈", "late": "≈"}
FINAL: tuple[Verdict, ...] = ("right", "late")  # verdicts that nothing said later can change


class Teller:
    """Prints a conversation while it goes on; keeps what was heard and said, and the model's blocks of sound."""

    def __init__(self, console: Console, sound: Rendered) -> None:
        self.heard: list[Heard] = []
        self.blocks: list[Pcm] = []
        self.voiced = False
        self._log = SaidLog()
        self._console, self._expects = console, sound.expects
        self._words = sorted(
            ((word.end_ms, spoken.speaker, word.word) for spoken in sound.spoken for word in spoken.words), reverse=True
        )
        self._line: list[tuple[int, str, str]] = []
        self._heard: list[str] = []
        self._told: set[Mark] = set()

    @property
    def said(self) -> list[Said]:
        """What stands of what was said."""
        return self._log.said

    def tell(self, turn: MicroTurn) -> None:
        """Take in one micro-turn; print what is complete by its end."""
        end_ms = (turn.tick + 1) * TICK_MS
        while self._words and self._words[-1][0] <= end_ms:
            self._hear_word(self._words.pop())
        self._log.take(turn.tick, turn.model)
        self.blocks.append(turn.model.samples)
        self.voiced = self.voiced or turn.model.pcm is not None
        for event in turn.model.events:
            if event.kind == "heard":
                self.heard.append(Heard(turn.tick, event.text, bool(event.data and event.data.get("joins"))))
                self._heard.append(event.text)
        if self._line and end_ms - self._line[-1][0] >= PAUSE_MS:
            self._tell_line()
        self._tell_marks(turn.tick, speaking=bool(turn.model.text) or turn.model.pcm is not None)

    def finish(self) -> None:
        """Print what was left."""
        self._tell_line()
        self._tell_marks(10**9, speaking=False)

    def _hear_word(self, word: tuple[int, str, str]) -> None:
        if self._line and (word[1] != self._line[-1][1] or word[0] - self._line[-1][0] >= 2 * PAUSE_MS):
            self._tell_line()
        self._line.append(word)

    def _tell_line(self) -> None:
        if not self._line and not self._heard:
            return
        if self._line:
            end_ms, speaker, _ = self._line[-1]
            self._row(end_ms, speaker, " ".join(word for _, _, word in self._line))
        if self._heard:
            self._row(None, "  heard", " ".join(self._heard), "dim")
        self._line, self._heard = [], []

    def _tell_marks(self, tick: int, speaking: bool) -> None:
        """Verdicts are told once they are final: when the words are complete; what went wrong, when it is too late to
        be mended and nobody is in the middle of a phrase."""
        for mark in marks(self.said, self._expects):
            late = mark.verdict not in FINAL
            settled = mark.tick + NEAR_TICKS < tick and not self._line if late else not speaking
            if settled and mark not in self._told:
                self._told.add(mark)
                self._tell_line()
                self._tell_mark(mark)

    def _tell_mark(self, mark: Mark) -> None:
        due = "" if mark.expected is None else f'expected "{mark.expected.text}" at {end_s(mark.expected.tick):.1f} s'
        said = "…" if mark.said is None else mark.said.text
        note = {"right": "right", "uncalled": "not asked for"}.get(mark.verdict, f"{mark.verdict}: {due}")
        line = f"{said:<24} {SIGNS.get(mark.verdict, '✗')} {note}"
        self._row(round(end_s(mark.tick) * 1000), "model", line, STYLES.get(mark.verdict, "red"))

    def _row(self, at_ms: int | None, who: str, text: str, style: str = "") -> None:
        when = "" if at_ms is None else f"{at_ms / 1000:.1f} s"
        self._console.print(Text(f"{when:>8}  {who:<8} ") + Text(text, style))
