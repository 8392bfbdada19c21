"""What scores say and what they do not: their trial, and claims from runs."""
