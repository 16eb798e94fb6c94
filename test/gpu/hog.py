"""Somebody else on a GPU: `hog.py INDEX GIB SECONDS [FILE]` holds memory there for a while; with FILE, once FILE exists."""

import sys
import time
from pathlib import Path

import torch

index, gib, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
device = torch.device("cuda", index)
if len(sys.argv) > 4:
    print("ready", flush=True)
    while not Path(sys.argv[4]).exists():
        time.sleep(0.02)
# In pieces: as much as there is, where that is less than asked for.
held = []
try:
    for _ in range(int(gib * 16)):
        held.append(torch.zeros(1 << 26, dtype=torch.uint8, device=device))
except torch.OutOfMemoryError:
    pass
torch.cuda.synchronize(device)
print(f"holding {len(held) / 16} GiB", flush=True)
end = time.monotonic() + seconds
while time.monotonic() < end:
    time.sleep(0.1)
