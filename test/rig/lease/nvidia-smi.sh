#!/bin/sh
# Stands in for nvidia-smi: the GPUs of $FAKE_GPUS/gpus, their processes from $FAKE_GPUS/on/<uuid>/<pid> while those
# live, memory taken by each of them; told to hang or to fail by files of those names.
echo "$1" >>"$FAKE_GPUS/calls"
[ -e "$FAKE_GPUS/hang" ] && exec sleep 1000
[ -e "$FAKE_GPUS/fail" ] && cat "$FAKE_GPUS/fail" && exit 18

living() { # the processes on GPU $1, as nvidia-smi tells: no zombies
  for path in "$FAKE_GPUS/on/$1"/*; do
    pid=${path##*/}
    { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
    case $stat in *') Z '*) ;; *) echo "$pid" ;; esac
  done
}

while read -r index uuid total used_each; do
  if [ "$used_each" = lost ]; then
    case $1 in *compute-apps*) ;; *) echo "$index, $uuid, [N/A], [N/A], 9.0" ;; esac
    continue
  fi
  free=$((total - 480))
  for pid in $(living "$uuid"); do
    free=$((free - used_each))
    case $1 in *compute-apps*) echo "$uuid, $pid, $used_each" ;; esac
  done
  case $1 in *compute-apps*) ;; *) echo "$index, $uuid, $total, $free, 9.0" ;; esac
done <"$FAKE_GPUS/gpus"
