"""Where a study runs: `python -m launch.NAME --config=FILE --workdir=DIR`.

    local   processes of this machine          slurm   array jobs (submitit)
    ray     tasks of a Ray cluster             unit    one unit of a plan
    slurm.sh, tpu_vm.sh, jobset.yaml, skypilot.yaml   to edit: a study on Slurm
        by a script, on a TPU VM, on Kubernetes (its image: Dockerfile), on any
        cloud

Every launcher runs what is not yet done of plan.json, any number of times and
beside any other, then gathers the results and draws the study's page. A plain
run config is a study of one unit. `bvae launch NAME` does the same from any
folder; else run them from the repository's root. All processes must see the
workdir, on a file system whose `flock` reaches all hosts (NFS 4 does, Lustre
when mounted with `flock`). A unit runs on one host; a run over many hosts is
`bvae_jax.main`, started on each.
"""
