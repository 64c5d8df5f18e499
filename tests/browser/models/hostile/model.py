"""Names, words and rows that would be a page if anybody took them for one."""

from typing import Annotated, Any, TypedDict

from bridge import Any as AnyPort
from bridge import Array, Category, Model, Number, Text

BAD = "<img src=x onerror=\"window.hurt='output'\"><script>window.hurt='output'</script>"


class Given(TypedDict):
    words: Annotated[str, Text()]
    rows: Annotated[list[Any], Array(AnyPort())]
    tree: Annotated[Any, AnyPort()]


class Hostile(Model):
    """<script>window.hurt='description'</script>"""

    def run(
        self,
        choice: Annotated[str, Category((BAD, "plain"))] = "plain",
        amount: Annotated[float, Number(0, 1, description=BAD)] = 0.5,
    ) -> Given:
        return {"words": BAD, "rows": [{BAD: BAD}], "tree": {BAD: {"deep": BAD, "__proto__": 1}}}
