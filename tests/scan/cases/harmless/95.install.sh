#!/bin/sh
set -eu
curl -fsSLo tool.tgz https://github.com/o/tool/releases/download/v1.2.0/tool.tgz
echo 'abc123  tool.tgz' | sha256sum -c -
tar xzf tool.tgz
