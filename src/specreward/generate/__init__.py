"""Engines and the policy that runs on them."""
