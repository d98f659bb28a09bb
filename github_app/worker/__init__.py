"""What turns recorded deliveries into decisions, and decisions into effects."""
