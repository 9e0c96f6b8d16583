"""The battery: one file a test, in the order below."""

ORDER = (
    "starting",
    "elementwise",
    "reductions",
    "matrix_products",
    "epilogues",
    "convolutions",
    "attention_paths",
    "fourier",
    "decompositions",
    "sparse_products",
    "random_numbers",
    "sorting",
    "scattering",
    "graph_replay",
    "stream_order",
    "copying",
    "mixed_precision",
    "compiled_code",
    "vision_ops",
    "peer_access",
    "nccl_rings",
    "gloo_ring",
    "memory_pressure",
)
"""What is simple comes first, so that the first failure is near its cause; what may disturb others comes last.

A file holds one test, or a few that differ in a number type or a direction, as `CASES`.
"""
