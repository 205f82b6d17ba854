"""Assembly: what each stage's process is made of; a stage imports no more than it needs."""
