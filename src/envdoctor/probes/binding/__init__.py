"""Whether what an object asks for is defined, for the probe `symbols`: names, scopes, origins."""
