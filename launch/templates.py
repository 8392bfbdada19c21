"""What a cloud is started with; a dry run that executes nothing.

    python -m launch.templates --kind=tpu_vm --config=FILE --workdir=DIR \
        --accelerator=v5litepod-8 --zone=us-west4-a --bucket=gs://B --out=run.sh
    python -m launch.templates --kind=jobset --config=FILE --workdir=/data/DIR \
        --image=IMAGE --claim=CLAIM --resource=google.com/tpu=4 \
        --node_selector=cloud.google.com/gke-tpu-topology=2x2 --out=study.yaml

`tpu_vm` is a script that makes a spot TPU VM with gcloud, runs the study there,
mirrors its folder to a bucket, and makes the VM anew when it is taken away.
`jobset` is a Kubernetes JobSet of workers, each with one `launch.local`, that
share a volume: a worker takes any unit that no other holds.
"""

import pathlib
import re
import shlex
import sys

import yaml
from absl import flags
from ml_collections import config_flags

from bvae_jax import cli
from launch import common

_KIND = flags.DEFINE_enum('kind', None, ['tpu_vm', 'jobset'], 'What to render.')
_OUT = flags.DEFINE_string('out', '-', 'File to write; - for stdout.')
_NAME = flags.DEFINE_string('name', 'bvae-jax', 'Name of the VM or JobSet.')
_ACCELERATOR = flags.DEFINE_string(
  'accelerator', 'v5litepod-8', 'tpu_vm: a slice of one host.'
)
_VERSION = flags.DEFINE_string(
  'version', 'v2-alpha-tpuv5-lite', "tpu_vm: the VM's software."
)
_ZONE = flags.DEFINE_string('zone', 'us-west4-a', 'tpu_vm: zone.')
_BUCKET = flags.DEFINE_string('bucket', 'gs://BUCKET', 'tpu_vm: mirror.')
_IMAGE = flags.DEFINE_string(
  'image', 'IMAGE', 'jobset: a container with the repository as its folder.'
)
_CLAIM = flags.DEFINE_string(
  'claim', 'CLAIM', 'jobset: ReadWriteMany volume claim.'
)
_MOUNT = flags.DEFINE_string('mount', '/data', 'jobset: where it is mounted.')
_RESOURCES = flags.DEFINE_multi_string(
  'resource', [], "jobset: NAME=COUNT of a worker's devices."
)
_SELECTORS = flags.DEFINE_multi_string(
  'node_selector', [], 'jobset: LABEL=VALUE of the nodes.'
)

TPU_VM = """\
#!/bin/bash
# Made by launch/templates.py. Run it from the root of the repository.
set -euo pipefail
tpu() {{ gcloud compute tpus tpu-vm "$@" --zone={zone}; }}
remote=$(cat <<'REMOTE'
set -uo pipefail
cd bvae_jax && mkdir -p {workdir} && pip install -q -e . 'jax[tpu]' || exit 1
mirror() {{ gcloud storage rsync --recursive "$@"; }}
mirror {mirror} {workdir} || echo 'nothing to resume from'
(while sleep 300; do mirror {workdir} {mirror}; done) &
{command}
status=$?
kill $!
mirror {workdir} {mirror}
exit $status
REMOTE
)

for attempt in $(seq {attempts}); do
  status=0
  tpu create {name} --accelerator-type={accelerator} --version={version} \\
    --spot && tpu scp . {name}:bvae_jax --recurse &&
    tpu ssh {name} --command="$remote" || status=$?
  tpu delete {name} --quiet || true
  [ "$status" = 0 ] && break
done
exit "$status"
"""


def command() -> list[str]:
  """The launcher's command for the config and the overrides of this one."""
  config = flags.FLAGS['config']
  overrides = config_flags.get_override_values(config)
  return [
    'python',
    '-m',
    'launch.local',
    f'--config={config_flags.get_config_filename(config)}',
    *(f'--config.{key}={value}' for key, value in overrides.items()),
    f'--workdir={cli.WORKDIR.value}',
  ]


def tpu_vm(command: list[str], workdir: str, *, name: str, zone: str,
           accelerator: str, version: str, bucket: str,
           attempts: int) -> str:  # fmt: skip
  """The script that runs a launcher's command on a TPU VM."""
  words = {
    'name': name,
    'zone': zone,
    'accelerator': accelerator,
    'version': version,
    'workdir': workdir,
    'mirror': f'{bucket.rstrip("/")}/{pathlib.Path(workdir).name}',
  }
  quoted = {key: shlex.quote(word) for key, word in words.items()}
  return TPU_VM.format(**quoted, command=shlex.join(command), attempts=attempts)


def _pairs(entries: list[str]) -> dict[str, str]:
  """NAME=VALUE entries as a dictionary."""
  for entry in entries:
    if not re.fullmatch(r'[^=]+=[^=]+', entry):
      raise ValueError(f'{entry!r} must be NAME=VALUE')
  return dict(entry.split('=') for entry in entries)


def jobset(command: list[str], workdir: str, *, name: str, image: str,
           claim: str, mount: str, resources: list[str], selectors: list[str],
           workers: int, attempts: int) -> str:  # fmt: skip
  """The manifest of workers that share a volume.

  Raises:
    ValueError: a value that Kubernetes would refuse, or that loses the results.
  """
  if not pathlib.PurePath(workdir).is_relative_to(mount):
    raise ValueError(f'--workdir={workdir} must lie below --mount={mount}')
  if not re.fullmatch(r'[a-z]([a-z0-9-]{0,40}[a-z0-9])?', name):
    raise ValueError(
      f'--name={name} must be lower case letters, digits and hyphens'
    )
  container = {
    'name': 'worker',
    'image': image,
    'command': command,
    'resources': {'limits': _pairs(resources)},
    'volumeMounts': [{'name': 'studies', 'mountPath': mount}],
  }
  volume = {
    'name': 'studies',
    'persistentVolumeClaim': {'claimName': claim},
  }
  pod = {
    'terminationGracePeriodSeconds': 90,  # to write a checkpoint
    'restartPolicy': 'Never',
    'nodeSelector': _pairs(selectors),
    'containers': [container],
    'volumes': [volume],
  }
  # Each attempt is a fresh pod that takes what is not yet done.
  job = {
    'parallelism': 1,
    'completions': 1,
    'backoffLimit': attempts - 1,
    'template': {'spec': pod},
  }
  replicated = {
    'name': 'workers',
    'replicas': workers,
    'template': {'spec': job},
  }
  manifest = {
    'apiVersion': 'jobset.x-k8s.io/v1alpha2',
    'kind': 'JobSet',
    'metadata': {'name': name},
    'spec': {'replicatedJobs': [replicated]},
  }
  return yaml.safe_dump(manifest, sort_keys=False)


def main() -> None:
  """Renders what the flags ask for."""
  same = {'name': _NAME.value, 'attempts': 1 + common.RETRIES.value}
  if _KIND.value == 'tpu_vm':
    text = tpu_vm(
      command(),
      cli.WORKDIR.value,
      zone=_ZONE.value,
      accelerator=_ACCELERATOR.value,
      version=_VERSION.value,
      bucket=_BUCKET.value,
      **same,
    )
  else:
    text = jobset(
      command(),
      cli.WORKDIR.value,
      image=_IMAGE.value,
      claim=_CLAIM.value,
      mount=_MOUNT.value,
      resources=_RESOURCES.value,
      selectors=_SELECTORS.value,
      workers=common.WORKERS.value or 1,
      **same,
    )
  if _OUT.value == '-':
    sys.stdout.write(text)
  else:
    pathlib.Path(_OUT.value).write_text(text)


if __name__ == '__main__':
  common.start(
    lambda: cli.call(main), {**common.REQUIRED, 'kind': 'tpu_vm|jobset'}
  )
