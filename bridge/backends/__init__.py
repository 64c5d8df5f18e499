"""Where a model runs: in a process beside the server (process, worker), later on another machine."""
