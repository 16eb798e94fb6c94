"""The invented facts that the smoke suite's models are trained on and asked about."""
