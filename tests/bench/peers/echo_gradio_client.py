"""The load on gradio, by its own client: prints p50 in ms of calls one by one, and calls/s of so many threads."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from gradio_client import Client  # type: ignore[import-not-found]

VALUE = {"x": 0.25, "y": 0.75, "label": "hand"}


def timed(client: Client) -> float:
    began = time.perf_counter()
    assert client.predict(VALUE, api_name="/echo") == VALUE
    return time.perf_counter() - began


def calls_until(client: Client, end: float) -> int:
    count = 0
    while time.perf_counter() < end:
        timed(client)
        count += 1
    return count


def main(url: str, calls: int, threads: int, seconds: float) -> None:
    clients = [Client(url, verbose=False) for _ in range(threads)]  # one shared by threads loses an answer now and then
    for client in clients:
        timed(client)
    p50 = median(timed(clients[0]) for _ in range(calls)) * 1000
    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        done = sum(pool.map(calls_until, clients, [began + seconds] * threads))
        rate = done / (time.perf_counter() - began)
    print(json.dumps({"p50_ms": p50, "rate": rate}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
