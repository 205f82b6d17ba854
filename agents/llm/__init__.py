"""The edge to language models: requests out, answers in, spend and failures kept in bounds."""
