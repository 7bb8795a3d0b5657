"""What thinks beside the conversation: delegations, the desk, agents and their tools. No wire, no engine."""
