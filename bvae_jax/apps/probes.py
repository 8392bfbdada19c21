"""Classifiers of few labels: linear in any rows, and a supervised network."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bvae_jax import metrics, models
from bvae_jax.apps import coders, tasks

STRENGTH = 10.0  # inverse penalty of the linear probe
STEPS = 200  # of the supervised network
BATCH = 32


_fit = jax.jit(
  functools.partial(metrics.fit_logistic, strength=STRENGTH, tolerance=1e-4),
  static_argnames='num_classes',
)


def linear(rows: Any, labels: Any, num_classes: int) -> metrics.Logistic:
  """A ridge-penalised logistic regression on rows [N, P] as they are.

  Args:
    rows: codes or pixels.
    labels: int [N].
    num_classes: C.
  """
  rows = jnp.asarray(np.reshape(rows, (len(rows), -1)), jnp.float32)
  return _fit(rows, jnp.asarray(labels), num_classes=num_classes)


def predict(fitted: metrics.Logistic, rows: Any) -> np.ndarray:
  """The likeliest class of rows [N, P], int [N]."""
  rows = jnp.asarray(np.reshape(rows, (len(rows), -1)), jnp.float32)
  return np.asarray(fitted.logits(rows).argmax(1))


def accuracy(fitted: metrics.Logistic, rows: Any, labels: Any) -> float:
  """Share of rows [N, P] whose class is met."""
  return float((predict(fitted, rows) == np.asarray(labels)).mean())


@functools.partial(jax.jit, static_argnames=('module', 'steps'))
def _train(key, images, labels, count, *, module, steps):
  params = module.init(key, images[:1])['params']
  optimizer = optax.adam(1e-3)

  def loss(params, chosen):
    logits, _ = module.apply({'params': params}, images[chosen])
    return optax.softmax_cross_entropy_with_integer_labels(
      logits, labels[chosen]
    ).mean()

  def step(carry, own):
    params, state = carry
    chosen = jax.random.randint(own, (BATCH,), 0, count)
    updates, state = optimizer.update(jax.grad(loss)(params, chosen), state)
    return (optax.apply_updates(params, updates), state), None

  start = params, optimizer.init(params)
  return jax.lax.scan(step, start, jax.random.split(key, steps))[0][0]


@functools.partial(jax.jit, static_argnames='module')
def _classes(params, images, *, module):
  block = lambda x: module.apply({'params': params}, x)[0].argmax(-1)
  return jax.lax.map(block, images)


def supervised(
  key: jax.Array,
  encoder: str,
  images: Any,
  labels: Any,
  test_images: Any,
  num_classes: int,
  *,
  rows: int,
  steps: int = STEPS,
) -> np.ndarray:
  """Classes that a network of the encoder's size predicts, int [T].

  It is the run's encoder with classes for latents, trained by Adam from scratch
  on the labelled images alone.

  Args:
    key: randomness of weights and batches.
    encoder: its name in `models.ENCODERS`.
    images: labelled ones [N, H, W, C].
    labels: int [N].
    test_images: [T, H, W, C].
    num_classes: C.
    rows: the most labelled images of any call, so that all share a compilation.
    steps: of training.
  """
  images = np.asarray(images, np.float32)
  module = models.make_encoder(encoder, num_classes, images.shape[1:])
  pad = rows - len(images)
  padded = np.concatenate([images, np.zeros((pad, *images.shape[1:]))])
  told = np.concatenate([labels, np.zeros(pad, int)]).astype(np.int32)
  params = _train(
    key, jnp.asarray(padded, jnp.float32), told, len(images), module=module,
    steps=steps,
  )  # fmt: skip
  count = len(test_images)
  fill = -count % 100
  test = np.concatenate([test_images, np.zeros((fill, *images.shape[1:]))])
  test = test.reshape(-1, 100, *images.shape[1:]).astype(np.float32)
  return np.asarray(_classes(params, test, module=module)).ravel()[:count]


def scores(
  rows_of: list[Any],
  trains: list[coders.Sample],
  test: coders.Sample,
  goal: tasks.Task,
) -> np.ndarray:
  """Accuracy of linear classifiers [functions, training sets]."""
  table = []
  for rows in rows_of:
    judged = rows(test.images)
    table.append([
      accuracy(
        linear(rows(s.images), goal.labels(s), goal.num_classes),
        judged, goal.labels(test),
      )
      for s in trains
    ])  # fmt: skip
  return np.array(table)


def network(
  key: jax.Array,
  encoder: str,
  trains: list[coders.Sample],
  test: coders.Sample,
  goal: tasks.Task,
  rows: int,
) -> np.ndarray:
  """Accuracy of the encoder trained on labels alone [training sets]."""
  found = []
  for own, s in zip(jax.random.split(key, len(trains)), trains):
    told = supervised(
      own, encoder, s.images, goal.labels(s), test.images, goal.num_classes,
      rows=rows,
    )  # fmt: skip
    found.append((told == goal.labels(test)).mean())
  return np.array(found)


def highest(means: Mapping[str, float]) -> str:
  """The names of the highest mean, to the three digits that tables show."""
  shown = {name: round(mean, 3) for name, mean in means.items()}
  best = max(shown.values())
  return ' and '.join(name for name in shown if shown[name] == best)
