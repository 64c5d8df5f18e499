"""Any causal language model that transformers can load, writing along."""

from typing import Annotated

from bridge import Boolean, Category, Number, Text
from bridge.errors import InputError
from bridge.kit.fetch import WANTED, find
from bridge.kit.text import TextModel, choose_device


class LM(TextModel):
    """Goes on with a text, or answers, with a language model of your choice."""

    def setup(
        self,
        network: Annotated[str, Text(description=WANTED)],
        device: Annotated[str, Category(("auto", "cpu", "cuda", "mps"))] = "auto",
        precision: Annotated[str, Category(("auto", "float32", "bfloat16", "float16"))] = "auto",
        context: Annotated[int, Number(64, 131_072, step=1, description="tokens to look back upon at most")] = 2048,
        pickle: Annotated[
            bool, Boolean(description="take weights that are pickles, too; only from people you trust")
        ] = False,
    ) -> None:
        found = find(network, self.progress, pickle=pickle)
        self.progress("loading", -1.0, found.folder.name)
        from .network import open_network  # here: it loads torch and transformers

        device = choose_device(device)
        net, tokens, self.tokenizer = open_network(found.folder, context, device, precision, pickle)
        self.write_with(net, tokens)

    def talk(self, messages: list[dict[str, str]]) -> str:
        if not self.tokenizer.chat_template:
            return super().talk(messages)
        try:
            return self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # templates refuse with errors of jinja's
            raise InputError(
                f"this network's template does not take these messages: {error}", field="messages"
            ) from None
