"""Echo in mosec: its Rust front, one worker process, JSON both ways. Takes --port as mosec itself does."""

from mosec import Server, Worker  # type: ignore[import-not-found]


class Echo(Worker):
    def forward(self, data: dict) -> dict:
        return {"value": data["value"]}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Echo, num=1)
    server.run()
