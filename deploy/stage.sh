#!/bin/sh
# One stage in a container: `deploy/stage.sh STAGE`.
#
# Its slot is the container's host name, so replicas never share one and a restarted container keeps
# its own. A worker that ends with 78 (a wrong setting) or 65 (most records became dead letters) needs
# a person to mend something: it is not started again, and the container stays, unhealthy, until it is
# stopped.
set -u
TIDEGAUGE_SLOT=${TIDEGAUGE_SLOT:-$(hostname)}
export TIDEGAUGE_SLOT

stopping=
tidegauge worker --stages "$1" &
worker=$!
trap 'stopping=yes; kill -TERM "$worker" 2>/dev/null' TERM INT

wait "$worker"
code=$?
# A signal ends the wait before the worker is done.
while kill -0 "$worker" 2>/dev/null; do
    wait "$worker"
    code=$?
done

if { [ "$code" = 78 ] || [ "$code" = 65 ]; } && [ -z "$stopping" ]; then
    echo "stage $1 must be mended by a person and is not restarted; see its last lines above" >&2
    tail -f /dev/null &
    worker=$!
    wait "$worker"
    exit 0
fi
exit "$code"
