"""The load on gradio, by its own client: prints p50 in ms of calls one by one, and calls/s of so many threads."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from gradio_client import Client  # type: ignore[import-not-found]

VALUE = {"x": 0.25, "y": 0.75, "label": "hand"}


def main(url: str, calls: int, threads: int, seconds: float) -> None:
    client = Client(url, verbose=False)

    def call() -> float:
        began = time.perf_counter()
        assert client.predict(VALUE, api_name="/echo") == VALUE
        return time.perf_counter() - began

    call()
    p50 = median(call() for _ in range(calls)) * 1000
    end = time.perf_counter() + seconds

    def calls_until_the_end() -> int:
        count = 0
        while time.perf_counter() < end:
            call()
            count += 1
        return count

    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        done = sum(pool.map(lambda _: calls_until_the_end(), range(threads)))
        rate = done / (time.perf_counter() - began)
    print(json.dumps({"p50_ms": p50, "rate": rate}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
