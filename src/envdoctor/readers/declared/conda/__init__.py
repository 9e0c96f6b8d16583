"""conda environments and pixi."""
