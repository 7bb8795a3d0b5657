"""What one side has said so far, from its chunks: words by tick, sound that goes on, words taken back. No figures."""

from microturn.core.chunk import Chunk
from microturn.eval.scorers import Said


class SaidLog:
    """Grows tick by tick. `said` holds what stands: words that were written but never sounded are taken out again."""

    def __init__(self) -> None:
        self.said: list[Said] = []

    def take(self, tick: int, chunk: Chunk) -> None:
        """Take in what was said in `tick`: its events "say" and "unsaid", and whether it sounds."""
        wrote = False
        for event in chunk.events:
            if event.kind == "say":
                self.said.append(Said(tick, event.text, bool(event.data and event.data.get("joins"))))
                wrote = True
            elif event.kind == "unsaid":
                self._take_back(event.text)
        if chunk.pcm is not None and not wrote:
            self.said.append(Said(tick, ""))

    def _take_back(self, text: str) -> None:
        """Remove `text` from the end, letter by letter, because pieces of words may lie in several ticks."""
        letters = len("".join(text.split()))
        for place in reversed(range(len(self.said))):
            kept = self.said[place].text
            while kept and letters:
                letters -= not kept[-1].isspace()
                kept = kept[:-1]
            self.said[place] = self.said[place]._replace(text=kept.rstrip())
            if not letters:
                return
