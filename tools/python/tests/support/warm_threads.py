"""Tell how many threads the libraries of this process use, and whether it has a GPU."""

from __future__ import annotations

import json

import numpy
import torch
from threadpoolctl import threadpool_info

if __name__ == "__main__":
    pools = {str(pool["internal_api"]): pool["num_threads"] for pool in threadpool_info()}
    product = numpy.ones((64, 64)) @ numpy.ones((64, 64))
    print(
        json.dumps(
            {
                "torch": torch.get_num_threads(),
                "blas": pools.get("openblas"),
                "sum": float(product.sum()),
                "cuda": torch.cuda.is_available(),
            }
        )
    )
