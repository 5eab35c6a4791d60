#!/bin/sh
# usage: entries.sh [LIMIT [OFFSET]]
exec curl -fsS --max-time 10 "${HERMES_URL:?names the server}/api/entries?limit=${1:-5}&offset=${2:-0}"
