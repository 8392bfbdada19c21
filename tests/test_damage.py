"""A few of the damages of `tests.damage`: none silent, nothing lost."""

import damage


def test_damages_are_noticed_or_made_good(tmp_path):
  rows = damage.trials(damage.make_runs(tmp_path), count=8, seed=1)
  assert len(rows) == 8
  assert not [row for row in rows if row[-1].partition(':')[0].isupper()]
