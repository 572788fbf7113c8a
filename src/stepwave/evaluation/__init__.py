"""Measuring a model: suites declare what is asked, a runner stores answers, scores and reports come from those."""
