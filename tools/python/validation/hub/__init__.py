"""What the libraries of the model hub must be told, for every kind of cell and the doctor."""
