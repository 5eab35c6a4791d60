#!/bin/sh
trap '' TERM INT HUP QUIT USR1 USR2 PIPE ALRM
(trap '' TERM INT HUP; while :; do sleep 1; done) &
while :; do sleep 1; done
