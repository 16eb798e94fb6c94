#!/bin/sh
# Stands in for nvidia-smi: the GPUs of $FAKE_GPUS/gpus, their processes from $FAKE_GPUS/on/<uuid>/<pid> while those
# live, memory taken by each of them; told to hang or to fail by files of those names. No process is forked: the real one
# is no slower for having eight GPUs.
echo "$1" >>"$FAKE_GPUS/calls"
[ -e "$FAKE_GPUS/hang" ] && exec sleep 1000
[ -e "$FAKE_GPUS/fail" ] && cat "$FAKE_GPUS/fail" && exit 18
# What a test has it do first; it may end it.
[ -e "$FAKE_GPUS/script" ] && . "$FAKE_GPUS/script"

while read -r index uuid total used_each; do
  free=$((total - 480))
  for path in "$FAKE_GPUS/on/$uuid"/*; do
    pid=${path##*/}
    { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
    case $stat in *') Z '*) continue ;; esac
    [ "$used_each" = lost ] && continue
    free=$((free - used_each))
    case $1 in *compute-apps*) echo "$uuid, $pid, $used_each" ;; esac
  done
  case $1,$used_each in
    *compute-apps*) ;;
    *,lost) echo "$index, $uuid, [N/A], [N/A], 9.0, [N/A]" ;;
    *) echo "$index, $uuid, $total, $free, 9.0, [N/A]" ;;
  esac
done <"$FAKE_GPUS/gpus"
