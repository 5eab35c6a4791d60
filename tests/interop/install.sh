# Sourced. install SOURCE FOLDER WHAT: the packages that SOURCE pins, in FOLDER. Calls skip (the caller's, it exits)
# where there is no node, no npm, or no registry that answers.
install() {
  command -v node > /dev/null || skip "node is not installed"
  command -v npm > /dev/null || skip "npm is not installed"
  mkdir -p "$2"
  cmp -s "$1/package-lock.json" "$2/installed-lock.json" && return
  rm -f "$2/installed-lock.json"
  cp "$1/package.json" "$1/package-lock.json" "$2/"
  (cd "$2" && timeout 120 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1) ||
    skip "npm could not install $3"
  cp "$1/package-lock.json" "$2/installed-lock.json"
}
