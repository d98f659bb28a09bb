"""The small local GitHub and the scripted agent that `remit demo` and the tests share."""
