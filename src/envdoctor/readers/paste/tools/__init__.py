"""What tools of the driver, of CUDA and of the system print, and how they fail."""
