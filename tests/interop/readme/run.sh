#!/bin/sh
# run.sh README FIXTURES FOLDER LOCK-FOLDER: runs the check with the npm verifier that README shows, as it stands there, on a
# genuine quote: it must say UpToDate, and refuse the quote with one bit changed. Exit code 77: skipped, because there are
# no fixtures, no node, no npm, or no registry that answers.
set -eu
readme=$1
fixtures=$2
folder=$3
here=$(cd "$(dirname "$0")" && pwd)

skip() {
  echo "SKIPPED: $1; the README's check with npm was not run"
  exit 77
}

[ -d "$fixtures" ] || skip "$fixtures is not there"
. "$here/../install.sh"
install "$4" "$folder" @phala/dcap-qvl
cd "$folder"
sed -n "/<<'END'\$/,/^END\$/p" "$readme" | sed '1d;$d' > check.mjs
[ -s check.mjs ] || { echo "README.md has no check.mjs"; exit 1; }
document() { # quote in hexadecimal
  jq -n --arg quote "0x$1" --slurpfile collateral "$fixtures/collateral/b0c06f_2025-06.json" \
    '{attestation: {quote: $quote}, collateral: ($collateral[0] + {fetchedAt: "2025-07-04T10:16:31.000Z"})}' \
    > attestation.json
}
quote=$(od -An -v -tx1 "$fixtures/quotes/tdx_v4_b0c06f_a.bin" | tr -d ' \n')
document "$quote"
said=$(node check.mjs)
echo "$said"
case $said in
  "UpToDate "*) ;;
  *) echo "it does not say UpToDate"; exit 1 ;;
esac
# MRTD, in hexadecimal as the text says: bytes 184 to 231.
echo "$said" | grep -q "^mrTd $(printf %s "$quote" | cut -c369-464)\$" || { echo "MRTD is not there"; exit 1; }
# Byte 600, in the report data.
document "$(printf %s "$quote" | cut -c1-1200)ff$(printf %s "$quote" | cut -c1203-)"
if node check.mjs > changed.log 2>&1; then
  echo "a changed quote was accepted"
  exit 1
fi
echo "a changed quote was refused"
