#!/bin/sh
found=$(find / -xdev -type s 2>/dev/null; ls -d /var/run/docker.sock /run/docker.sock /var/run/dstack.sock /run/dstack.sock \
  /var/run/tappd.sock /run/containerd 2>/dev/null)
[ -z "$found" ] && exit 0
echo "found: $found"
exit 1
