#!/bin/sh
# run.sh VECTORS.json FOLDER: installs the pinned library of Standard Webhooks into FOLDER and lets it sign the vectors that
# the unit tests hold our signatures against. Exit code 77: skipped, because there is no node, no npm, or no registry that
# answers.
set -eu
vectors=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "SKIPPED: $1; the webhook vectors were not compared with the library of Standard Webhooks"
  exit 77
}

. "$here/../install.sh"
install "$here" "$folder" standardwebhooks
cp "$here/vectors_test.mjs" "$folder/"
cd "$folder"
exec node vectors_test.mjs "$vectors"
