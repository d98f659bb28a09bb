"""What is remembered: inbox, tasks, decisions, history, outbox; the only package that knows SQLModel."""
