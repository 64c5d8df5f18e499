"""Echo in LitServe: one API server, one worker process, its defaults otherwise."""

import sys

import litserve  # type: ignore[import-not-found]


class Echo(litserve.LitAPI):
    def setup(self, device: str) -> None:
        """Nothing to load."""

    def decode_request(self, request: dict) -> object:
        return request["value"]

    def predict(self, x: object) -> object:
        return x

    def encode_response(self, output: object) -> dict:
        return {"value": output}


if __name__ == "__main__":
    server = litserve.LitServer(Echo(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, generate_client_file=False, log_level="error"
    )
