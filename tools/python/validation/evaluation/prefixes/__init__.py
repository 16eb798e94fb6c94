"""Log-likelihoods at the cost of unique tokens: what requests begin with alike is computed once."""
