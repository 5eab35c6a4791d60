#!/bin/sh
escaped=0
for place in / /etc /usr /var /var/tmp /root /home /dev /proc /sys /sys/fs/cgroup /run; do
  if (: >"$place/filler") 2>/dev/null; then
    echo "wrote to $place"
    escaped=1
  fi
done
for place in /skill /tmp; do
  i=0
  while [ "$i" -lt 8 ] && dd if=/dev/zero of="$place/filler.$i" bs=1M count=32 2>/dev/null; do i=$((i + 1)); done
  total=$(du -sm "$place" | cut -f1)
  echo "$place stopped at or below 64 MiB: $([ "$total" -le 65 ] && echo yes || echo no)"
  [ "$total" -le 65 ] || escaped=1
done
i=0
rm -f /tmp/filler.*
while [ "$i" -lt 20000 ] && (: >"/tmp/inode.$i") 2>/dev/null; do i=$((i + 1)); done
echo "inodes stopped: $([ "$i" -lt 20000 ] && echo yes || echo no)"
[ "$i" -lt 20000 ] || escaped=1
exit "$escaped"
