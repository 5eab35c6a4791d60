#!/usr/bin/env bash
# usage: source_commit.sh PROJECT   A build names the commit that it was made from, and none where files differ from it.
set -euo pipefail
project=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
mkdir "$work/repo"
git -C "$work/repo" init -q
commit() {
  echo "$1" >"$work/repo/file"
  git -C "$work/repo" add file
  git -C "$work/repo" commit -qm "$1"
}
said() { # commit given by whoever builds
  cmake -DSOURCE="$work/repo" -DTEMPLATE="$project/src/app/version.hpp.in" -DOUTPUT="$work/version.hpp" \
    -DPROJECT_VERSION=1.2.3 -DCOMMIT="${1:-}" -P "$project/cmake/SourceCommit.cmake"
  sed -n 's/.*SKILL_VERIFIER_COMMIT "\(.*\)"/\1/p' "$work/version.hpp"
}
expect() {
  [ "$2" = "$3" ] || { echo "$1: expected '$2', found '$3'"; exit 1; }
}
commit one
expect "a clean tree" "$(git -C "$work/repo" rev-parse HEAD)" "$(said)"
commit two
expect "the next commit" "$(git -C "$work/repo" rev-parse HEAD)" "$(said)"
echo three >"$work/repo/file"
expect "a changed file" "" "$(said)"
git -C "$work/repo" checkout -q file
touch "$work/repo/other"
expect "a file that git does not know" "" "$(said)"
expect "a commit that was given" "0123" "$(said 0123)"
grep -q '"1.2.3"' "$work/version.hpp" || { echo "the version is missing"; exit 1; }
