"""`transformers serve`, its own program, with one network loaded. transformers and torch are the bridge's."""

import argparse
import os
import sys

sys.path.append(os.environ["BENCH_PACKAGES"])

from transformers.cli.serve import Serve

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--network", required=True)
    parser.add_argument("--continuous-batching", action="store_true")
    given = parser.parse_args()
    Serve(
        force_model=given.network,
        device="cpu",
        dtype="float32",
        host="127.0.0.1",
        port=given.port,
        log_level="error",
        continuous_batching=given.continuous_batching,
    )
