#!/bin/sh
escaped=0
interfaces=$(ls /sys/class/net)
echo "interfaces: $interfaces"
[ "$interfaces" = lo ] || escaped=1
for target in 1.1.1.1:53 169.254.169.254:80 172.17.0.1:2375 10.0.0.1:80 192.168.0.1:80; do
  if nc -w 2 "${target%:*}" "${target#*:}" </dev/null >/dev/null 2>&1; then
    echo "reached $target"
    escaped=1
  fi
done
if nslookup example.com >/dev/null 2>&1; then
  echo "names resolve"
  escaped=1
fi
exit "$escaped"
