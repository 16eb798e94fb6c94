#!/bin/sh
# A worker on fake GPUs: `worker.sh <mode> <seconds>`. While it or a child of it lives, it holds a kernel lock on each
# GPU of CUDA_VISIBLE_DEVICES and shows in the scripted nvidia-smi. A GPU that somebody else holds is written down: this
# is what the tests believe, not what leases say.
mode=$1 seconds=$2
# Its children are deaf too.
[ "$mode" = deaf ] && trap '' TERM
descriptor=4
for uuid in $(echo "$CUDA_VISIBLE_DEVICES" | tr ',' ' '); do
  eval "exec $descriptor>>\"$FAKE_GPUS/held/$uuid\""
  flock -n $descriptor || echo "$VALIDATION_LEASE took $uuid, which is held" >>"$FAKE_GPUS/violations"
  : >"$FAKE_GPUS/on/$uuid/$$"
  descriptor=$((descriptor + 1))
done
echo "$VALIDATION_LEASE $$" >>"$FAKE_GPUS/started"
case $mode in
  # Leaves its group and session, and is no longer anybody's child.
  stray)
    setsid sh -c 'for uuid in $(echo "$CUDA_VISIBLE_DEVICES" | tr "," " "); do : >"$FAKE_GPUS/on/$uuid/$$"; done
      echo "stray $$" >>"$FAKE_GPUS/started"; exec sleep "$1"' stray "$seconds" &
    sleep "$seconds"
    ;;
  *) sleep "$seconds" ;;
esac
