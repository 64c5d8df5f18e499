"""The load on gradio's generator, by its own client, which fetches each picture: ms a picture and pictures a second.

`images_gradio_client.py URL CALLERS SECONDS LENGTH`.
"""

import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from gradio_client import Client  # type: ignore[import-not-found]


def timed(client: Client, length: int) -> float:
    z = [random.gauss(0, 1) for _ in range(length)]
    began = time.perf_counter()
    assert Path(client.predict(z, api_name="/picture")).read_bytes()[:2] == b"\xff\xd8"
    return time.perf_counter() - began


def until(client: Client, end: float, length: int) -> list[float]:
    times = []
    while time.perf_counter() < end:
        times.append(timed(client, length))
    return times


def main(url: str, callers: int, seconds: float, length: int) -> None:
    clients = [Client(url, verbose=False) for _ in range(callers)]
    for client in clients:
        timed(client, length)
    with ThreadPoolExecutor(callers) as pool:
        began = time.perf_counter()
        each = pool.map(until, clients, [began + seconds] * callers, [length] * callers)
        times = [took for some in each for took in some]
        rate = len(times) / (time.perf_counter() - began)
    print(json.dumps({"p50_ms": median(times) * 1000, "rate": rate}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
