#!/usr/bin/env bash
# Builds the two local base images from Debian packages, for machines where no image registry answers:
#   skill-verifier.local/busybox:1  static busybox with curl and jq, in the place of alpine
#   skill-verifier.local/toolbox:1  Debian bookworm with node, npm, python3, pip, curl and jq
# usage: tools/base-images.sh CACHE_DIR [busybox|toolbox]…   (DOCKER_HOST names the engine)
# The root file systems are kept in CACHE_DIR; an image that the engine already has is left alone.
set -euo pipefail
umask 022
cache=$1
shift
wanted=("${@:-busybox toolbox}")
mkdir -p "$cache"

missing() { ! docker image inspect "skill-verifier.local/$1:1" >/dev/null 2>&1; }

make_toolbox() {
  [ -s "$cache/toolbox.tar" ] && return 0
  local option options=()
  for option in 'path-exclude=/usr/share/man/*' 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/locale/*'; do
    options+=("--dpkgopt=$option")
  done
  printf '==> building the toolbox root file system (about a minute)\n' >&2
  mmdebstrap --quiet --format=tar --mode=root --variant=apt --aptopt='APT::Install-Recommends "false"' "${options[@]}" \
    --dpkgopt=force-unsafe-io --include=ca-certificates,curl,jq,python3,python3-pip,nodejs,npm --customize-hook='ln -sf python3 "$1/usr/bin/python"' \
    --customize-hook='rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
    bookworm "$cache/toolbox.tar.part"
  mv "$cache/toolbox.tar.part" "$cache/toolbox.tar"
}

make_busybox() {
  [ -s "$cache/busybox.tar" ] && return 0
  make_toolbox
  local root donor program library
  root=$(mktemp -d "$cache/busybox.XXXXXX")
  donor=$(mktemp -d "$cache/donor.XXXXXX")
  tar -xf "$cache/toolbox.tar" -C "$donor" --exclude='./dev/*'
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,etc/ssl,lib,tmp,root,proc,sys,dev,var,home}
  chmod 1777 "$root/tmp"
  cp /bin/busybox "$root/bin/busybox"
  for program in $("$root/bin/busybox" --list); do [ "$program" = busybox ] || ln -s busybox "$root/bin/$program"; done
  for program in curl jq; do
    cp "$donor/usr/bin/$program" "$root/usr/bin/"
    for library in $(chroot "$donor" ldd "/usr/bin/$program" | grep -o '/[^ ]*'); do
      mkdir -p "$root$(dirname "$library")"
      cp -L "$donor$library" "$root$library"
    done
  done
  cp -r "$donor/etc/ssl/certs" "$root/etc/ssl/"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$cache/busybox.tar.part" -C "$root" .
  mv "$cache/busybox.tar.part" "$cache/busybox.tar"
  rm -rf "$root" "$donor"
}

for image in ${wanted[*]}; do
  missing "$image" || continue
  "make_$image"
  docker import --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$cache/$image.tar" "skill-verifier.local/$image:1" >/dev/null
  printf '==> imported skill-verifier.local/%s:1\n' "$image" >&2
done
