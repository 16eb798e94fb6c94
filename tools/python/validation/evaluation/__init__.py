"""lm-eval: running its tasks on a model, and reading the accuracies from its results."""
