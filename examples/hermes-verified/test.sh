#!/bin/sh
# Six checks: three of the API, three of the place that this runs in.
cd "$(dirname "$0")" || exit 1
passed=0
failed=0
check() { # name, command…
  name=$1
  shift
  if "$@" >/dev/null 2>&1; then
    passed=$((passed + 1))
    echo "ok - $name"
  else
    failed=$((failed + 1))
    echo "not ok - $name"
  fi
}

case $HERMES_URL in
  http://127.0.0.1:*)
    sh stub.sh "${HERMES_URL##*:}" &
    tries=0
    until curl -fsS --max-time 1 -o /dev/null "$HERMES_URL/api/entries?limit=1" 2>/dev/null || [ "$tries" -ge 50 ]; do
      tries=$((tries + 1))
      sleep 0.1
    done
    ;;
esac

five_entries() { sh scripts/entries.sh 5 | jq -e '.entries | length == 5'; }
three_from_second_page() { sh scripts/entries.sh 3 3 | jq -e '.entries | length == 3'; }
post_is_refused_as_json() { sh scripts/post.sh '{}' | jq -e 'has("error")'; }
no_agent_home() { ! [ -e /home/node/.openclaw ]; }
no_secret_variables() { ! env | cut -d= -f1 | grep -qiE 'password|secret|token'; }
not_root() { [ "$(id -u)" -ne 0 ]; }

check 'lists five entries' five_entries
check 'lists three entries from the second page' three_from_second_page
check 'a post without a key is refused with a JSON error' post_is_refused_as_json
check 'no agent home directory is visible' no_agent_home
check 'no variable named like a secret is visible' no_secret_variables
check 'does not run as root' not_root

echo "$passed of $((passed + failed)) checks passed"
[ "$failed" -eq 0 ]
