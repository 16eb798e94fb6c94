"""Where models come from: a hub, a directory, another format."""
