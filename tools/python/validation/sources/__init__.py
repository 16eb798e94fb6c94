"""The origins of models: the hub, a directory, another file format."""
