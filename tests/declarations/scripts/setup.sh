#!/bin/sh
set -e
# pip install torch==2.2.0 torchvision==0.16.2
PY=${PY:-""}
"" true
pip install torch==2.8.0+cu124 --index-url https://download.pytorch.org/whl/cu124
if command -v nvidia-smi; then
    pip install torchvision==0.23.0
fi
cat > Dockerfile <<'END'
FROM nvidia/cuda:12.8-devel-ubuntu22.04
END
