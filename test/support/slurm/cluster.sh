#!/usr/bin/env bash
# A real Slurm cluster on one machine, for tests: two nodes of two fake GPUs each, munge, cgroup v1 limits. Needs root, and
#   apt-get install -y --no-install-recommends slurmctld slurmd slurm-client munge      (Debian 12: Slurm 22.05; 5-9 s)
# cluster.sh start DIR [PORT]   writes DIR/slurm.conf and starts munged, slurmctld, slurmd node1, slurmd node2 (about 1.5 s)
# cluster.sh stop DIR           ends what `start` began, by its pids
# Clients: export SLURM_CONF=DIR/slurm.conf
# Partitions: gpu (default), urgent (preempts gpu by requeue). Features: node1 h100,gpumem80; node2 h200,gpumem140.
set -euo pipefail
verb=${1:?start or stop}; dir=$(mkdir -p "${2:?a directory}" && cd "$2" && pwd); port=${3:-26817}
names=(munged slurmctld slurmd-node1 slurmd-node2)
if [ "$verb" = stop ]; then
  for name in slurmd-node1 slurmd-node2 slurmctld munged; do
    [ -s "$dir/run/$name.pid.own" ] && kill "$(cat "$dir/run/$name.pid.own")" 2>/dev/null || true
  done
  exit 0
fi
mkdir -p "$dir"/{run,log,state,spool,dev,munge,munge-run}
host=$(hostname -s)
for i in 0 1 2 3; do [ -e "$dir/dev/gpu$i" ] || mknod -m 666 "$dir/dev/gpu$i" c 1 3; done
[ -s "$dir/munge/key" ] || head -c 1024 /dev/urandom >"$dir/munge/key"
chown -R munge:munge "$dir/munge" "$dir/munge-run"; chmod 400 "$dir/munge/key"; chmod 700 "$dir/munge"; chmod 755 "$dir/munge-run" "$dir"
cat >"$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket=$dir/munge-run/munge.socket,cred_expire=5
SlurmctldPort=$port
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd-%n.pid
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd-%n.log
ProctrackType=proctrack/cgroup
TaskPlugin=task/affinity,task/cgroup
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=1
PriorityType=priority/basic
KillWait=5
SlurmdTimeout=20
SlurmctldTimeout=20
InactiveLimit=0
MinJobAge=300
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobCompType=jobcomp/filetxt
JobCompLoc=$dir/log/jobcomp.txt
DefMemPerCPU=100
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=node1 NodeAddr=127.0.0.1 NodeHostname=$host Port=$((port + 4)) CPUs=8 RealMemory=32000 Gres=gpu:h100:2 Feature=h100,gpumem80
NodeName=node2 NodeAddr=127.0.0.1 NodeHostname=$host Port=$((port + 5)) CPUs=8 RealMemory=32000 Gres=gpu:h200:2 Feature=h200,gpumem140
PartitionName=gpu Nodes=node1,node2 Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE
PartitionName=urgent Nodes=node1,node2 MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
cat >"$dir/gres.conf" <<CONF
NodeName=node1 Name=gpu Type=h100 File=$dir/dev/gpu[0-1]
NodeName=node2 Name=gpu Type=h200 File=$dir/dev/gpu[2-3]
CONF
if [ -d /sys/fs/cgroup/memory ]; then
  printf 'CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nCgroupAutomount=no\nConstrainRAMSpace=yes\nConstrainSwapSpace=no\nConstrainCores=no\nConstrainDevices=no\n' >"$dir/cgroup.conf"
else # no cgroup v1 here: processes are tracked by their parents, and memory is not limited
  sed -i 's#proctrack/cgroup#proctrack/linuxproc#; s#task/affinity,task/cgroup#task/none#' "$dir/slurm.conf"
fi
export SLURM_CONF=$dir/slurm.conf
begin() { # name command...: in a session of its own, pid kept
  local name=$1; shift
  setsid "$@" >"$dir/log/$name.out" 2>&1 </dev/null &
  echo $! >"$dir/run/$name.pid.own"
}
begin munged setpriv --reuid munge --regid munge --clear-groups munged -F --key-file="$dir/munge/key" \
  --socket="$dir/munge-run/munge.socket" --pid-file="$dir/munge-run/munged.pid" --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
for _ in $(seq 50); do [ -S "$dir/munge-run/munge.socket" ] && break; sleep 0.1; done
begin slurmctld slurmctld -D -f "$SLURM_CONF" -c
for node in node1 node2; do begin "slurmd-$node" slurmd -D -N "$node" -f "$SLURM_CONF"; done
for _ in $(seq 100); do [ "$(sinfo -h -N -p gpu -o %T 2>/dev/null | grep -c idle)" = 2 ] && break; sleep 0.1; done
sinfo -N -o '%N %P %T %G %m %c'
