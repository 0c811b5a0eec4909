#!/bin/sh
# The data folder stays: it holds clips. "purge" is Debian's word for settings as well, which dpkg removes by itself.
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
