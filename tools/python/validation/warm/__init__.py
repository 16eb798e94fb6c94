"""A host process that has the libraries imported and forks one process for each job."""
