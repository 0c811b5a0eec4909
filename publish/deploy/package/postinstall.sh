#!/bin/sh
# Makes the user and the folder of the secrets. The service is not started: it needs the address and the secrets first.
set -e
if command -v systemd-sysusers >/dev/null; then
  systemd-sysusers /usr/lib/sysusers.d/hindsight-backend.conf
fi
chmod 0750 /etc/hindsight
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  # On an update: the service runs the new program. Debian says "configure OLD-VERSION", RPM the number of versions.
  if { [ "$1" = configure ] && [ -n "$2" ]; } || [ "$1" = 2 ]; then
    systemctl try-restart hindsight-backend.service || true
  fi
fi
