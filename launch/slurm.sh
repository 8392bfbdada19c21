#!/bin/bash
# A study on Slurm by a plain script, without submitit. Edit what is in capitals
# and the two lines that say "edit", then, from the folder the study shall lie in,
#   sbatch launch/slurm.sh
# Each task of the array is a worker: it takes any job of the study that no other
# worker has. Two minutes before its time limit it writes checkpoints and goes
# back into the queue, from where it resumes.
#SBATCH --job-name=bvae_jax
#SBATCH --array=0-7
#SBATCH --partition=PARTITION
#SBATCH --account=ACCOUNT
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=32G
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
source ~/venv/bin/activate  # edit: whatever makes `bvae` a command
study=(--config=study_2019 --workdir=runs/study --members_per_job=25)  # edit

asked=
trap 'asked=1; kill -TERM $!' TERM
bvae launch local "${study[@]}" &
wait $!
status=$?
if [ "$asked" ]; then
  wait $!
  status=$?
  [ "$status" = 0 ] || scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
