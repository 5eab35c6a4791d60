#!/bin/sh
# Result hash and report data of every vector, by nothing but coreutils.
set -eu
cd "$(dirname "$0")"
count=0
for folder in */; do
  hash=$(sha256sum < "$folder/statement.json" | cut -d' ' -f1)
  data=$(printf 'skill-verifier-result-v1:%s' "$hash" | sha512sum | cut -d' ' -f1)
  [ "$hash" = "$(cat "$folder/result_hash")" ] || { echo "$folder: result hash is $hash"; exit 1; }
  [ "$data" = "$(cat "$folder/report_data")" ] || { echo "$folder: report data is $data"; exit 1; }
  count=$((count + 1))
done
echo "$count vectors"
[ "$count" -gt 0 ]
