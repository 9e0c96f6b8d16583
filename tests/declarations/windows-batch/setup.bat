@echo off
rem conda install pytorch=2.1.0 torchvision=0.15.2
call conda activate env
conda install -y pytorch==2.3.1 torchvision==0.18.1 pytorch-cuda=11.7 -c pytorch -c nvidia
