#!/bin/sh
python3 -m venv env
env/bin/pip install --extra-index-url https://download.pytorch.org/whl/cu117 torch==2.0.1 torchvision==0.15.2
env/bin/pip install -r requirements.txt
