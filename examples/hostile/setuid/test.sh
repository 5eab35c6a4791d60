#!/bin/sh
escaped=0
fail() { echo "$1"; escaped=1; }
[ "$(id -u)" -ne 0 ] || fail "runs as root"
grep -q '^NoNewPrivs:	1' /proc/self/status || fail "new privileges are possible"
grep -q '^CapEff:	0000000000000000' /proc/self/status || fail "has effective capabilities"
grep -q '^CapBnd:	0000000000000000' /proc/self/status || echo "bounding set: $(grep CapBnd /proc/self/status | cut -f2)"
grep -q '^Seccomp:	2' /proc/self/status || fail "no seccomp filter"
cp "$(command -v busybox || command -v sh)" /skill/mine && chmod 4755 /skill/mine 2>/dev/null
[ "$(/skill/mine id -u 2>/dev/null)" != 0 ] || fail "a setuid copy gave root"
mount -t tmpfs none /tmp 2>/dev/null && fail "mounted a file system"
mknod /tmp/mem c 1 1 2>/dev/null && fail "made a device"
chroot / true 2>/dev/null && fail "changed the root"
unshare -U true 2>/dev/null && fail "made a user namespace"
exit "$escaped"
