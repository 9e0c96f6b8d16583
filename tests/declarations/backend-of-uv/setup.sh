#!/bin/sh
uv venv --python 3.12
uv pip install torch==2.9.1 torchvision --torch-backend=cu124
