"""Echo in gradio, its defaults."""

import sys

import gradio  # type: ignore[import-not-found]

if __name__ == "__main__":
    echo = gradio.Interface(lambda value: value, gradio.JSON(), gradio.JSON(), api_name="echo")
    echo.launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True, share=False)
