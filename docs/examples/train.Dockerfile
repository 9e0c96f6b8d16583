FROM pytorch/pytorch:2.7.0-cuda11.8-cudnn8-runtime
RUN pip install torchvision==0.18.0 --index-url https://download.pytorch.org/whl/cu118
