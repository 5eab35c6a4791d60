#!/bin/sh
# run.sh DCAP-CASES CASES.json FOLDER: installs the pinned dcap-qvl into FOLDER, then compares its verdicts with ours.
# Exit code 77: skipped, because there are no cases, no node, no npm, or no registry that answers.
set -eu
program=$1
cases=$2
folder=$3
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "SKIPPED: $1; the verdicts were not compared with those of dcap-qvl"
  exit 77
}

[ -f "$cases" ] || skip "$cases is not there"
. "$here/../install.sh"
install "$here" "$folder" @phala/dcap-qvl
cp "$here/verdicts_test.mjs" "$folder/"
cd "$folder"
exec node verdicts_test.mjs "$program" "$cases" "$here/differences.txt"
