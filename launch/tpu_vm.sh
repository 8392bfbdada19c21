#!/bin/bash
# A study on a spot TPU VM. Edit the lines up to "nothing to edit", then run
# this file from the root of the repository. It makes the VM with gcloud, runs
# the study there in a virtual environment, mirrors its folder to a bucket every
# five minutes, and makes the VM anew when it is taken away: the study resumes.
set -euo pipefail
name=bvae-jax
zone=us-west4-a
accelerator=v5litepod-8        # a slice of one host
version=v2-alpha-tpuv5-lite    # the VM's software
bucket=gs://BUCKET             # your own
workdir=runs/study             # on the VM; mirrored to $bucket/study
attempts=4                     # VMs, one after the other, until one has done it
command="python -m launch.local --config=study_2019:quick --workdir=$workdir"

# --- nothing to edit from here ---
mirror=$bucket/$(basename "$workdir")
tpu() { gcloud compute tpus tpu-vm "$@" --zone="$zone"; }
remote="
set -uo pipefail
cd bvae_jax && mkdir -p '$workdir' || exit 1
python3 -m pip install -q --user uv &&
  ~/.local/bin/uv venv -q --seed --python 3.12 ~/venv &&
  source ~/venv/bin/activate || exit 1
pip install -q -e . 'jax[tpu]' || exit 1
gcloud storage rsync --recursive '$mirror' '$workdir' || echo 'nothing to resume'
(while sleep 300; do gcloud storage rsync --recursive '$workdir' '$mirror'; done) &
$command
status=\$?
kill \$!
gcloud storage rsync --recursive '$workdir' '$mirror'
exit \$status
"
for attempt in $(seq "$attempts"); do
  status=0
  # What git tracks, without runs and virtual environments.
  git archive --format=tar.gz --prefix=bvae_jax/ -o /tmp/bvae_jax.tar.gz HEAD
  tpu create "$name" --accelerator-type="$accelerator" --version="$version" --spot &&
    tpu scp /tmp/bvae_jax.tar.gz "$name:" &&
    tpu ssh "$name" --command="tar xzf bvae_jax.tar.gz; $remote" || status=$?
  tpu delete "$name" --quiet || true
  [ "$status" = 0 ] && break
done
exit "$status"
