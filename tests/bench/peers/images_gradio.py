"""The generator in gradio, its defaults: numbers in, a JPEG file out."""

import sys

import gradio  # type: ignore[import-not-found]
from generator import Generator  # type: ignore[import-not-found]

if __name__ == "__main__":
    generator = Generator()
    picture = gradio.Image(format="jpeg")
    served = gradio.Interface(generator.pixels, gradio.JSON(), picture, api_name="picture")
    served.launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True, share=False)
