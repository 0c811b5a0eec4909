#!/bin/sh
# Stops the service when the package is removed, not when it is updated. Debian passes "remove", RPM the number of
# versions left.
set -e
if [ -d /run/systemd/system ] && { [ "$1" = remove ] || [ "$1" = 0 ]; }; then
  systemctl disable --now hindsight-backend.service || true
fi
