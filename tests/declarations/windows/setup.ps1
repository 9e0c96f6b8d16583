$env:PIP_NO_CACHE_DIR = "1"
"" | Out-Null
pip install torch==2.5.1 `
    torchvision==0.19.0 `
    --index-url https://download.pytorch.org/whl/cu124
