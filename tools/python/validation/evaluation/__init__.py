"""lm-eval: running its tasks on a model, and what came out of them."""
