"""Install commands wherever they stand: scripts, workflows, and what they fill in."""
