"""What holds for every test: one thread."""

import os

# Read by torch when it is imported, here and in the processes that tests start. More threads make small
# tensors slower, and several processes crowd each other out.
os.environ["OMP_NUM_THREADS"] = "1"
