#!/bin/sh
escaped=0
fail() { echo "$1"; escaped=1; }
for file in /proc/1/environ /proc/1/mem /proc/1/fd/0 /proc/1/root/etc/passwd /proc/kcore /proc/keys /proc/timer_list; do
  if [ -n "$(head -c 1 "$file" 2>/dev/null)" ]; then fail "read $file"; fi
done
for file in /proc/sysrq-trigger /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/1/oom_score_adj \
  /sys/kernel/uevent_helper /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max; do
  if (echo 1 >"$file") 2>/dev/null; then fail "wrote $file"; fi
done
if kill -STOP 1 2>/dev/null || kill -KILL 1 2>/dev/null; then fail "signalled PID 1"; fi
exit "$escaped"
