#!/bin/sh
# A Hermes server of one connection at a time, from nothing but busybox: enough for test.sh.
port=$1
pipe=/tmp/hermes-stub
mkfifo "$pipe"

answer() { # status, JSON
  printf 'HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' "$1" "${#2}" "$2"
}

entries() { # limit
  list=
  i=0
  while [ "$i" -lt "$1" ]; do
    list="$list${list:+,}{\"id\":$i,\"text\":\"entry $i\"}"
    i=$((i + 1))
  done
  printf '{"entries":[%s],"total":12}' "$list"
}

handle() {
  read -r method target rest
  while read -r line && [ "${line%?}" != "" ]; do :; done
  case $method in
    GET) limit=${target#*limit=}; answer '200 OK' "$(entries "${limit%%&*}")" ;;
    *) answer '401 Unauthorized' '{"error":"a secret key is required"}' ;;
  esac
}

while :; do nc -l -p "$port" <"$pipe" | handle >"$pipe"; done
