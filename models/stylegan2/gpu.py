"""Pictures from a CUDA device with nothing left to launch: one recorded graph for each size of batch, and the way out.

Measured on GPU: not yet.
"""

import torch

SIZES = (1, 2, 4, 8, 16)


class Graphs:
    """Styles to uint8 pictures by replayed graphs. One caller at a time."""

    def __init__(self, fast, device):
        self.fast, self.device = fast, device
        self.shots = {}  # (batch size, noise) -> Shot
        self.pool = torch.cuda.graph_pool_handle()  # one memory for all graphs: they never run side by side
        self.leaving = torch.cuda.Stream(device)  # copies go here, so that the next batch need not wait for them

    def pixels(self, ws, noise="const"):
        """Styles (N, L, W), wherever they are, to pictures (N, H, W, 3) in ordinary memory."""
        parts = ws.split(SIZES[-1])
        return torch.cat([taken() for taken in [self.start(part, noise, i % 2) for i, part in enumerate(parts)]])

    def start(self, ws, noise, slot):
        """Set a batch to work and return at once; the function it returns waits for the pictures."""
        size = next(size for size in SIZES if size >= len(ws))
        key = size, noise
        if key not in self.shots:
            self.shots[key] = Shot(self.fast, size, noise, self.device, self.pool)
        return self.shots[key].run(ws, self.leaving, slot)


class Shot:
    """One recorded graph: fixed input, fixed output, two pinned buffers that pictures leave through in turns."""

    def __init__(self, fast, size, noise, device, pool):
        self.ws = torch.zeros(size, fast.num_ws, fast.w_dim, device=device)
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            for _ in range(3):  # lets libraries choose their kernels before the recording
                fast.pixels(self.ws, noise)
        torch.cuda.current_stream(device).wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, pool=pool):
            self.out = fast.pixels(self.ws, noise)
        self.staged = [
            torch.empty_like(self.out) for _ in range(2)
        ]  # so that the graph can run on while pictures leave
        self.pinned = [torch.empty(self.out.shape, dtype=torch.uint8, pin_memory=True) for _ in range(2)]
        self.copied = [torch.cuda.Event() for _ in range(2)]
        self.waiting = [None, None]  # what a buffer still holds for somebody

    def run(self, ws, leaving, slot):
        count, here = len(ws), torch.cuda.current_stream(self.ws.device)
        if self.waiting[slot] is not None:
            self.waiting[slot]()
        self.ws[:count].copy_(ws, non_blocking=True)
        self.graph.replay()
        self.staged[slot].copy_(self.out)
        leaving.wait_stream(here)
        with torch.cuda.stream(leaving):
            self.pinned[slot].copy_(self.staged[slot], non_blocking=True)
            self.copied[slot].record(leaving)
        kept = []

        def take():
            if not kept:
                self.copied[slot].synchronize()
                kept.append(self.pinned[slot][:count].clone())
                self.waiting[slot] = None
            return kept[0]

        self.waiting[slot] = take
        return take
