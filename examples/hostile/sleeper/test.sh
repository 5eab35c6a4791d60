#!/bin/sh
echo "good night"
exec sleep 1000000
