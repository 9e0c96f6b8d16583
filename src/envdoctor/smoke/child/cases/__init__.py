"""The battery: one file a test, in the order below."""

ORDER = (
    "starting",
    "elementwise",
    "matrix_products",
)
"""What is simple comes first, so that the first failure is near its cause; what may disturb others comes last.

A file holds one test, or a few that differ in a number type or a direction, as `CASES`.
"""
