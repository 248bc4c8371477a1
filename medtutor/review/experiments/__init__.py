"""The experiments behind the claims, one file a lesson: what is trained, and what is measured.

An experiment is a generator of `Contrast`s. It is given

data   {name: Dataset}, the data sets of the claim
seeds  of the trainings
train  train(model, dataset, seed, measure=…, longer=1.0, **options) -> `Training`:
       `trials.train_once` with the claim's settings and the model's own learning rate; the
       arms of an experiment differ in nothing else. The data set is one of `data`, or
       was made of one and has its name in front. `longer` multiplies the epochs.
       Without a model, None, `measure` trains what it needs

Everything an experiment may vary stands in `settings` of claims.toml, so that
the evidence is bound to it.
"""
