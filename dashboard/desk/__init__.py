"""The reviewer's page in parts: who it is, the text, the answer, what stands beside it."""
