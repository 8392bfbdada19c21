"""Populations of disentangled variational autoencoders in JAX."""
