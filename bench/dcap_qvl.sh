#!/bin/sh
# dcap_qvl.sh FOLDER INPUT NOW COUNT: installs the pinned dcap-qvl into FOLDER and prints the median time of COUNT
# verifications of INPUT. Exit code 77: skipped, because there is no node, no npm, or no registry that answers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "SKIPPED: $1; dcap-qvl was not measured"
  exit 77
}

. "$here/../tests/interop/install.sh"
install "$here/../tests/interop/dcap_qvl" "$1" @phala/dcap-qvl
exec node "$here/dcap_qvl_time.cjs" "$@"
