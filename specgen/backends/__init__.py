"""From a network to modules in memory, or to source: what is made, and what is printed."""
