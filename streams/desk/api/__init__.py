"""The desk's HTTP API: who may ask what, how often and how much, and every refusal as a Problem."""
