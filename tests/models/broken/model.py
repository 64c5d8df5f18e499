from bridge import Model


class Broken(Model):
    """Can't be set up."""

    def setup(self) -> None:
        raise RuntimeError("the weights are not there")

    def run(self, text: str) -> str:
        return text
