"""Uploads a report to the API that the user has configured."""
import json
import os
import sys
import urllib.request

API = os.environ["REPORT_API_URL"]
KEY = os.environ["REPORT_API_KEY"]


def upload(path):
    with open(path, "rb") as f:
        data = f.read()
    request = urllib.request.Request(API, data=data, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request) as r:
        return json.load(r)


if __name__ == "__main__":
    config = os.path.expanduser("~/.config/report/config.json")
    if os.path.exists(config):
        print("using", config)
    print(upload(sys.argv[1]))
