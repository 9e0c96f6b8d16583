"""What installers wrote down of a distribution, and whether that is what lies there."""
