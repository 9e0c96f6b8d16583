"""The only room that touches the machine: files under a root, environment, commands, children."""
