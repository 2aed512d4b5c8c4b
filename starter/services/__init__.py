"""What the HTTP API's calls do, apart from HTTP: configuring, connecting, running, resolving, looking up."""
