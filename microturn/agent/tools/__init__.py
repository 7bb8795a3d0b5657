"""What an agent can do without a network: reckon, convert, tell the time, note, search. Who chooses lives above."""
