"""Settings of a Realtime session: the fields of `session`, their strict types, sparse updates. No behaviour.

Fields follow the public reference of the Realtime API. What this server cannot do is still accepted where clients send
it by habit (tools, tracing, noise reduction), kept and shown, so that unmodified clients find their settings again.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

Modalities = Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=1)]
MaxTokens = Annotated[int, Field(ge=1, le=4096)] | Literal["inf"]
Name = Annotated[str, Field(max_length=256)]


class Strict(BaseModel):
    """A JSON object whose keys and types are all known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AudioFormat(Strict):
    """How sound is written: 16-bit little-endian at 24 kHz, or G.711 at 8 kHz, always mono."""

    type: Literal["audio/pcm", "audio/pcmu", "audio/pcma"] = "audio/pcm"
    rate: int | None = None

    @model_validator(mode="after")
    def _rate_fits(self) -> "AudioFormat":
        if self.rate not in (None, self.rate_hz):
            raise ValueError(f"rate of {self.type} is {self.rate_hz}")
        return self

    @property
    def rate_hz(self) -> int:
        """Samples a second on the wire."""
        return 24_000 if self.type == "audio/pcm" else 8_000


class NoiseReduction(Strict):
    """Accepted; the model is trained to hear through noise."""

    type: Literal["near_field", "far_field"] | None = None
    strength: float | None = None


class Transcription(Strict):
    """Whether the client wants to read what was heard; the words are the interaction model's own."""

    model: Name | None = None
    language: Name | None = None
    languages: list[Name] | None = None
    prompt: str | None = None
    keywords: list[str] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class ServerVad(Strict):
    """Accepted and mapped to the model's own decision."""

    type: Literal["server_vad"]
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    prefix_padding_ms: Annotated[int, Field(ge=0)] | None = None
    silence_duration_ms: Annotated[int, Field(ge=0)] | None = None
    idle_timeout_ms: Annotated[int, Field(ge=0)] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class SemanticVad(Strict):
    """The model decides by itself when to speak and when to yield; this is what it always does."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] | None = None
    create_response: bool | None = None
    interrupt_response: bool | None = None


class InputAudio(Strict):
    """The client's sound."""

    format: AudioFormat | None = None
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    turn_detection: Annotated[ServerVad | SemanticVad, Field(discriminator="type")] | None = None


class VoiceId(Strict):
    """A voice by its identifier."""

    id: Name


class OutputAudio(Strict):
    """The model's sound; it has one voice, whatever name is asked for."""

    format: AudioFormat | None = None
    voice: Name | VoiceId | None = None
    speed: Annotated[float, Field(ge=0.25, le=1.5)] | None = None


class Audio(Strict):
    """Both directions."""

    input: InputAudio | None = None
    output: OutputAudio | None = None


class Settings(Strict):
    """All fields of `session` that a client may send, in `session.update` or for a client secret."""

    type: Literal["realtime"] = "realtime"
    model: Name | None = None
    instructions: str | None = None
    output_modalities: Modalities | None = None
    audio: Audio | None = None
    include: list[Literal["item.input_audio_transcription.logprobs"]] | None = None
    max_output_tokens: MaxTokens | None = None
    parallel_tool_calls: bool | None = None
    prompt: dict[str, JsonValue] | None = None
    reasoning: dict[str, JsonValue] | None = None
    tool_choice: str | dict[str, JsonValue] | None = None
    tools: Annotated[list[dict[str, JsonValue]], Field(max_length=128)] | None = None
    tracing: Literal["auto"] | dict[str, JsonValue] | None = None
    truncation: Literal["auto", "disabled"] | dict[str, JsonValue] | None = None

    def with_update(self, update: "Settings") -> "Settings":
        """These settings with the fields that were sent; objects inside `audio` are merged, all else is replaced."""
        return Settings.model_validate(_merged(self.model_dump(), update.model_dump(exclude_unset=True)))

    @property
    def input_format(self) -> AudioFormat:
        """The format of the client's sound."""
        given = self.audio and self.audio.input and self.audio.input.format
        return given or AudioFormat()

    @property
    def output_format(self) -> AudioFormat:
        """The format of the model's sound."""
        given = self.audio and self.audio.output and self.audio.output.format
        return given or AudioFormat()

    @property
    def transcribes(self) -> bool:
        """Whether the client wants the words of the user."""
        return bool(self.audio and self.audio.input and self.audio.input.transcription)

    @property
    def push_to_talk(self) -> bool:
        """Whether the client says by itself where its turns end."""
        return not (self.audio and self.audio.input and self.audio.input.turn_detection)

    @property
    def modality(self) -> Literal["text", "audio"]:
        """What a response is made of: sound with its transcript, or text alone."""
        return self.output_modalities[0] if self.output_modalities else "audio"


def default_settings(model: str) -> Settings:
    """What a session has before the client says anything: transcription on, since it costs nothing here."""
    return Settings.model_validate(
        {
            "model": model,
            "instructions": "",
            "output_modalities": ["audio"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "transcription": {"model": model},
                    "turn_detection": {
                        "type": "semantic_vad",
                        "eagerness": "auto",
                        "create_response": True,
                        "interrupt_response": True,
                    },
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin", "speed": 1.0},
            },
            "max_output_tokens": "inf",
            "tool_choice": "auto",
            "tools": [],
            "truncation": "auto",
        }
    )


MERGED = ("audio", "input", "output")  # objects that an update changes field by field


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    for key, value in new.items():
        before = result.get(key)
        if key in MERGED and isinstance(before, dict) and isinstance(value, dict):
            value = _merged(cast("dict[str, Any]", before), cast("dict[str, Any]", value))
        result[key] = value
    return result
