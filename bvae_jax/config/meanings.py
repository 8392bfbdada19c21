"""What each key of a config means, in words for `--help`."""

import pkgutil
import re

# Of every key of `config.default_config`; a test compares the two.
MEANINGS = {
  'objective': 'the loss: a name in losses.OBJECTIVES; a config file sets it',
  'hparams': "the objective's scalars, such as hparams.beta; each may be swept",
  'options': "the objective's choices that are fixed when it is compiled",
  'schedules': 'a scalar on the move: {name: {kind: linear|cosine|step|'
  'constant, start, steps, delay}}, from start (0) to its value in so many '
  'steps after the delay (0); or {name: {kind, points}}, through pairs (step, '
  'share of its value)',
  'seeds': 'a member for each seed, at every point of the grid; more of them '
  'continue a finished run',
  'grid': "the sweep: grid.beta='(1.,4.)' is a member for each value; more of "
  'them continue a finished run',
  'tied': 'names in grid whose values go side by side instead of as a product',
  'num_steps': 'training steps; more of them continue a finished run',
  'batch_size': 'images in a batch',
  'optimizer': 'a name in training.optimizer.OPTIMIZERS, with its defaults',
  'learning_rate': 'of the optimizer; may be swept and scheduled',
  'discriminator_rate': 'the learning rate of adversaries; 0: the same. May be '
  'swept and scheduled',
  'weight_decay': 'decoupled, as of AdamW; may be swept and scheduled',
  'clip_norm': 'the largest norm of a gradient; 0: none',
  'ema_decay': 'of a moving average of the parameters, which is then what is '
  'scored and used; 0: none',
  'precision': 'float32 or bfloat16: what networks compute in while they '
  'train; parameters, losses and scores are float32',
  'matmul_precision': 'of products while training: default (of the backend, '
  'such as TF32), high or highest',
  'num_latents': 'latents of a code',
  'likelihood': 'how images are scored; a name in losses.LIKELIHOODS',
  'dataset.name': 'a name in data.DATASETS, or tfds:NAME',
  'dataset.path': 'the file or folder of a set that is read from one; a '
  'picture of yours for dsprites_textured',
  'dataset.data_dir': "of prepared sets; empty: the user's cache, of tfds:NAME "
  "TFDS's own folder",
  'dataset.storage': 'images on the device, streamed from the host, or auto',
  'dataset.holdout': 'the share of the images that is not trained on',
  'dataset.holdout_where': 'combinations not trained on: FACTOR=VALUES, ...',
  'dataset.correlated': 'two factors that go together in training',
  'dataset.sigma': 'how loosely they do, on values from 0 to 1',
  'dataset.image_key': 'the array of images in a file that holds several',
  'dataset.label_keys': 'the arrays of labels beside it',
  'dataset.image_size': 'height and width [pixels]',
  'dataset.factor_stride': 'keep every n-th value of each factor',
  'dataset.channels': 'of own images and tfds:NAME: 0 as found, 1 grey, 3 RGB',
  'dataset.fit': 'of own images and tfds:NAME: crop or pad to a square',
  'dataset.strict': 'refuse a folder with files that cannot be decoded, else '
  'leave them out',
  'encoder': 'a name in models.ENCODERS',
  'decoder': 'a name in models.DECODERS',
  'discriminator': 'a name in models.DISCRIMINATORS (FactorVAE)',
  'log_every': 'steps between two lines of metrics.jsonl, of means over the '
  'steps since the last line; each checkpoint has one as well',
  'checkpoint_every': 'steps between two checkpoints',
  'keep_checkpoints': 'the newest that are kept',
  'evaluate_every': 'steps between two looks at scores while training, a '
  'multiple of log_every; 0: none',
  'evaluate_metrics': 'the scores of these looks: names in metrics.METRICS',
  'stop_when': "('nll', 'min', 5): a member stops once 5 of its log lines in a "
  'row have brought no new smallest nll (a score needs evaluate_every); (): '
  'none does',
  'profile': "a trace of a few steps, in the workdir's folder profile, for "
  'TensorBoard or Perfetto',
  'tensorboard': 'also write curves for TensorBoard (extra: tensorboard)',
  'trackers': "services that get curves and traversals: 'wandb', 'trackio' "
  '(extras of these names)',
  'parallel': 'devices share the members, or the data of every batch',
  'num_devices': '0: as many as shorten the work',
  'members_per_program': '0: as many as fit the memory',
  'member_batch': 'members under one vmap; 0: 1 on CPU, else to 16',
  'metrics': 'the scores: names in metrics.METRICS',
  'evaluation.num_train': 'points that a metric fits on',
  'evaluation.num_test': 'points that it is judged on',
  'evaluation.num_elbo': 'images of the ELBO and of the statistics of codes',
  'evaluation.num_resamples': 'repeats for standard errors; 0: none',
  'evaluation.transform': 'codes are scored as they are (none), or as white '
  'principal or independent components (pca, ica)',
  'evaluation.floors': 'also score random codes, an untrained encoder, and PCA '
  'and ICA of pixels',
  'evaluation.seed': 'of the points and of what a metric draws',
}

_REGISTRY = re.compile(r'[a-z.]+\.[A-Z]+')


def told(key: str) -> str:
  """What a key means, and the names that it has to choose from."""
  meaning = MEANINGS[key]
  registry = _REGISTRY.search(meaning)
  if not registry:
    return meaning
  names = pkgutil.resolve_name(f'bvae_jax.{registry[0]}')
  return f'{meaning} ({", ".join(sorted(names))})'
