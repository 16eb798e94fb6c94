"""One module for each kind of cell: what a job file names is run here."""
