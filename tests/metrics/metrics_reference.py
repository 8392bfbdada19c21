"""The study's metrics in NumPy and scikit-learn, one loop at a time.

Independent of the package: the tests compare values with these functions, the
benchmark compares times. Codes are float [N, D], factors int [N, K].
"""

import warnings

import numpy as np
from scipy import linalg, stats
from sklearn import (
  ensemble,
  exceptions,
  feature_selection,
  linear_model,
  metrics,
  model_selection,
  preprocessing,
  svm,
)

warnings.simplefilter('ignore', exceptions.ConvergenceWarning)


def bins(values, num_bins=20):
  return np.stack(
    [
      np.digitize(column, np.histogram(column, num_bins)[1][:-1])
      for column in values.T
    ],
    1,
  )


def pairwise(function, left, right):
  return np.array([[function(a, b) for b in right.T] for a in left.T])


def entropies(factors):
  return np.array([metrics.mutual_info_score(v, v) for v in factors.T])


def gap(matrix):
  ordered = np.sort(matrix, 0)
  return ordered[-1] - ordered[-2]


def mig(codes, factors):
  information = pairwise(metrics.mutual_info_score, bins(codes), factors)
  return {'mig': np.mean(gap(information) / entropies(factors))}


def sap_matrix(codes, factors, test_codes, test_factors):
  scores = np.zeros((codes.shape[1], factors.shape[1]))
  for d, k in np.ndindex(*scores.shape):
    model = svm.LinearSVC(C=0.01, class_weight='balanced', random_state=0)
    model.fit(codes[:, [d]], factors[:, k])
    predicted = model.predict(test_codes[:, [d]])
    scores[d, k] = np.mean(predicted == test_factors[:, k])
  return scores


def sap(codes, factors, test_codes, test_factors):
  scores = sap_matrix(codes, factors, test_codes, test_factors)
  return {'sap': np.mean(gap(scores))}


def sap_continuous(codes, factors):
  def squared(code, factor):
    covariance = np.cov(code, factor)
    if covariance[0, 0] <= 1e-12:
      return 0.0
    return covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1])

  return {'sap': np.mean(gap(pairwise(squared, codes, factors)))}


def concentration(importance):
  scores = 1 - stats.entropy(importance.T + 1e-11, base=importance.shape[1])
  if importance.sum() == 0:
    importance = np.ones_like(importance)
  return np.sum(scores * importance.sum(1) / importance.sum())


def dci(codes, factors, test_codes, test_factors):
  importance, train, test = [], [], []
  for factor, test_factor in zip(factors.T, test_factors.T):
    model = ensemble.GradientBoostingClassifier(random_state=0)
    model.fit(codes, factor)
    importance.append(model.feature_importances_)
    train.append(np.mean(model.predict(codes) == factor))
    test.append(np.mean(model.predict(test_codes) == test_factor))
  importance = np.stack(importance, 1)
  return {
    'disentanglement': concentration(importance),
    'completeness': concentration(importance.T),
    'informativeness_train': np.mean(train),
    'informativeness_test': np.mean(test),
  }


def modularity_explicitness(codes, factors, test_codes, test_factors):
  squared = pairwise(metrics.mutual_info_score, bins(codes), factors) ** 2
  top = squared.max(1)
  rest = (squared.sum(1) - top) / (factors.shape[1] - 1)
  informed = top > 1e-12
  modularity = np.where(informed, 1 - rest / np.where(informed, top, 1), 0)
  mean, std = codes.mean(0), codes.std(0)
  std = np.where(std > 0, std, 1)
  areas = []
  for factor, test_factor in zip(factors.T, test_factors.T):
    model = linear_model.LogisticRegression().fit((codes - mean) / std, factor)
    areas.append(
      [
        metrics.roc_auc_score(
          y[:, None] == model.classes_, model.predict_proba((x - mean) / std)
        )
        for x, y in ((codes, factor), (test_codes, test_factor))
      ]
    )
  train, test = np.mean(areas, 0)
  return {
    'modularity': modularity.mean(),
    'explicitness_train': train,
    'explicitness_test': test,
  }


def irs(codes, factors):
  codes = codes[:, codes.var(0) > 0]
  if not codes.size:
    return {'irs': 0.0}
  largest = np.abs(codes - codes.mean(0)).max(0)
  deviations = []
  for group in bins(factors).T:
    within = []
    for value in np.unique(group):
      members = codes[group == value]
      distance = np.abs(members - members.mean(0))
      within.append(np.quantile(distance, 0.99, axis=0))
    deviations.append(np.mean(within, 0))
  robust = 1 - np.min(deviations, 0) / largest
  return {'irs': np.average(robust, weights=largest)}


def infomec(codes, factors, discrete=False):
  span = np.ptp(codes, axis=0)
  if discrete:
    active = span > 0
    ranks = preprocessing.OrdinalEncoder().fit_transform(codes)
    information = np.array(
      [
        [metrics.mutual_info_score(code, y) for y in factors.T]
        for code in ranks.T
      ]
    )
    codes = preprocessing.OneHotEncoder().fit_transform(codes)
  else:
    active = span > span.max() / 20
    std = np.where(codes.std(0) > 0, codes.std(0), 1)
    codes = (codes - codes.mean(0)) / std
    information = np.stack(
      [
        feature_selection.mutual_info_classif(
          codes, factor, n_neighbors=10, random_state=0
        )
        for factor in factors.T
      ],
      1,
    )
  information = (information / entropies(factors))[active]

  def preference(matrix):
    total, among = matrix.sum(1), matrix.shape[1]
    if among < 2:
      return 0.0
    share = matrix.max(1) / np.where(total > 0, total, 1)
    score = (share - 1 / among) / (1 - 1 / among)
    return np.where(total > 0, score, 0).mean()

  explicit = []
  for factor in factors.T:
    model = linear_model.LogisticRegression(C=np.inf, class_weight='balanced')
    loss = metrics.log_loss(
      factor, model.fit(codes, factor).predict_proba(codes)
    )
    explicit.append(1 - loss / np.log(len(np.unique(factor))))
  return {
    'infom': preference(information),
    'infoe': np.mean(explicit),
    'infoc': preference(information.T),
    'num_active': active.sum(),
  }


def unsupervised(codes):
  covariance = np.cov(codes, rowvar=False)
  variance = np.diag(covariance)
  root = linalg.sqrtm(covariance * variance[:, None]).real
  distance = 2 * variance.sum() - 2 * np.trace(root)
  binned = bins(codes)
  information = pairwise(metrics.mutual_info_score, binned, binned)
  np.fill_diagonal(information, 0)
  num = codes.shape[1]
  return {
    'gaussian_total_correlation': (
      np.log(variance).sum() - np.linalg.slogdet(covariance)[1]
    )
    / 2,
    'gaussian_wasserstein_correlation': distance,
    'gaussian_wasserstein_correlation_norm': distance / variance.sum(),
    'mutual_info_score': information.sum() / (num**2 - num),
  }


class Grid:
  """Rows of a code table, by factors."""

  def __init__(self, sizes, seed=0):
    self.sizes, self.random = sizes, np.random.RandomState(seed)

  def draw(self, num):
    return np.stack([self.random.randint(s, size=num) for s in self.sizes], 1)

  def rows(self, factors):
    return np.ravel_multi_index(tuple(factors.T), self.sizes)


def beta_vae_score(table, sizes, num_train=10_000, num_eval=5_000, batch=64):
  grid = Grid(sizes)

  def points(num):
    features, labels = np.zeros((num, table.shape[1])), np.zeros(num, int)
    for i in range(num):
      labels[i] = k = grid.random.randint(len(sizes))
      first, second = grid.draw(batch), grid.draw(batch)
      second[:, k] = first[:, k]
      pair = table[grid.rows(first)] - table[grid.rows(second)]
      features[i] = np.abs(pair).mean(0)
    return features, labels

  train = points(num_train)
  model = linear_model.LogisticRegression().fit(*train)
  return {
    'train_accuracy': model.score(*train),
    'eval_accuracy': model.score(*points(num_eval)),
  }


def factor_vae_score(table, sizes, num_train=10_000, num_eval=5_000, batch=64):
  grid = Grid(sizes)
  variance = table[grid.rows(grid.draw(10_000))].var(0, ddof=1)
  active = np.flatnonzero(np.sqrt(variance) >= 0.05)
  if not active.size:
    return {'train_accuracy': 0.0, 'eval_accuracy': 0.0}

  def votes(num):
    counts = np.zeros((len(sizes), table.shape[1]), int)
    for _ in range(num):
      k = grid.random.randint(len(sizes))
      factors = grid.draw(batch)
      factors[:, k] = factors[0, k]
      local = table[grid.rows(factors)].var(0, ddof=1)
      counts[k, active[np.argmin(local[active] / variance[active])]] += 1
    return counts

  train, held_out = votes(num_train), votes(num_eval)
  majority = train.argmax(0), np.arange(table.shape[1])
  return {
    'train_accuracy': train[majority].sum() / num_train,
    'eval_accuracy': held_out[majority].sum() / num_eval,
  }


def downstream(codes, factors, test_codes, test_factors, num_labels):
  scores = {}
  for num in num_labels:
    makers = {
      'logistic': lambda: linear_model.LogisticRegressionCV(
        Cs=10,
        cv=model_selection.KFold(5),
        l1_ratios=(0,),
        scoring='accuracy',
        use_legacy_attributes=False,
      ),
      'trees': lambda: ensemble.GradientBoostingClassifier(random_state=0),
    }
    for name, make in makers.items():
      scores[f'{name}_{num}'] = np.mean(
        [
          make().fit(codes[:num], y[:num]).score(test_codes, test_y)
          for y, test_y in zip(factors.T, test_factors.T)
        ]
      )
  return scores


def fairness(codes, factors, table, sizes, num_test=100):
  grid, num = Grid(sizes), len(sizes)
  mean, largest = np.zeros((num, num)), np.zeros((num, num))
  for i in range(num):
    model = ensemble.GradientBoostingClassifier(random_state=0)
    model.fit(codes, factors[:, i])
    for j in np.delete(np.arange(num), i):
      drawn = grid.draw(num_test)
      shares = []
      for value in range(sizes[j]):
        drawn[:, j] = value
        labels = model.predict(table[grid.rows(drawn)])
        shares.append(np.bincount(labels, minlength=sizes[i]) / num_test)
      variation = np.abs(shares - np.mean(shares, 0)).sum(1) / 2
      mean[i, j], largest[i, j] = variation.mean(), variation.max()
  return {
    'unfairness': mean.sum() / (num * (num - 1)),
    'unfairness_max': largest.max(),
  }


def mig_sampled(table, logvars, sizes, num_samples=2_000):
  """Direct mixture densities; minds every point of the data set."""
  grid = Grid(sizes)
  factors = np.stack(np.unravel_index(np.arange(len(table)), sizes), 1)
  std = np.exp(logvars / 2)
  drawn = grid.draw(num_samples)
  rows = grid.rows(drawn)
  noise = grid.random.randn(num_samples, table.shape[1])
  samples = table[rows] + std[rows] * noise
  information = np.zeros((table.shape[1], len(sizes)))
  for d in range(table.shape[1]):
    density = stats.norm.pdf(samples[:, [d]], table[:, d], std[:, d])
    for k in range(len(sizes)):
      same = drawn[:, [k]] == factors[:, k]
      given = (density * same).sum(1) / same.sum(1)
      information[d, k] = np.log(given / density.mean(1)).mean()
  return {'mig_sampled': np.mean(gap(information / np.log(sizes)))}


def udr(codes, kl, kind):
  def similarity(left, right):
    if kind == 'lasso':
      return np.abs(linear_model.Lasso(alpha=0.1).fit(left, right).coef_.T)
    rank = lambda a, b: abs(stats.spearmanr(a, b)[0])
    return pairwise(rank, left, right)

  standard = (codes - codes.mean(1, keepdims=True)) / codes.std(
    1, keepdims=True
  )
  active = kl > 0.01
  num = len(codes)
  scores = np.zeros((num, num))
  for i, j in np.ndindex(num, num):
    matrix = similarity(standard[i] * active[i], standard[j] * active[j])
    matrix = matrix[active[i]][:, active[j]]
    strengths = []
    for axis in (0, 1):
      total = matrix.sum(axis)
      ratio = matrix.max(axis) ** 2 / np.where(total > 0, total, 1)
      strengths.append(ratio.mean())
    scores[i, j] = np.mean(strengths)
  return [np.median(np.delete(scores[:, i], i)) for i in range(num)]
