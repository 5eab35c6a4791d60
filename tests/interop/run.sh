#!/bin/sh
# run.sh SIMULATOR FOLDER: installs the pinned SDK into FOLDER, then runs it against the simulator. Exit code 77: skipped,
# because there is no node, no npm, or no registry that answers.
set -eu
simulator=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "SKIPPED: $1; the dstack SDK was not run against the simulator"
  exit 77
}

command -v node > /dev/null || skip "node is not installed"
command -v npm > /dev/null || skip "npm is not installed"
mkdir -p "$folder"
if ! cmp -s "$here/package-lock.json" "$folder/installed-lock.json"; then
  rm -f "$folder/installed-lock.json"
  cp "$here/package.json" "$here/package-lock.json" "$folder/"
  (cd "$folder" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1) ||
    skip "npm could not install @phala/dstack-sdk"
  cp "$here/package-lock.json" "$folder/installed-lock.json"
fi
cp "$here/npm_sdk_test.mjs" "$folder/"
cd "$folder"
exec node npm_sdk_test.mjs "$simulator"
