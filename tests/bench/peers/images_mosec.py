"""The generator in mosec: its Rust front, one worker process, JSON in, JPEG out. Takes --port as mosec itself does."""

from generator import Generator  # type: ignore[import-not-found]
from mosec import Server, Worker  # type: ignore[import-not-found]


class Pictures(Worker):
    resp_mime_type = "image/jpeg"

    def __init__(self) -> None:
        self.generator = Generator()

    def forward(self, data: dict) -> bytes:
        return self.generator.jpeg(data["z"])

    def serialize(self, data: bytes) -> bytes:
        return data


if __name__ == "__main__":
    server = Server()
    server.append_worker(Pictures, num=1)
    server.run()
