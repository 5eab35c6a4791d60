#!/bin/sh
echo "first line"
head -c 1073741824 /dev/zero
echo
echo "last line"
