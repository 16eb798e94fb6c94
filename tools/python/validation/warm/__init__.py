"""The warm host: a process that has imported the libraries and forks one process for each job."""
