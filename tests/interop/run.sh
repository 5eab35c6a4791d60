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

. "$here/install.sh"
install "$here" "$folder" @phala/dstack-sdk
cp "$here/npm_sdk_test.mjs" "$folder/"
cd "$folder"
exec node npm_sdk_test.mjs "$simulator"
