"""The speed of each part beside what a user would pick instead."""
