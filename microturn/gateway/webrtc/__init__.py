"""Sessions over WebRTC: sound on tracks, events on a data channel."""
