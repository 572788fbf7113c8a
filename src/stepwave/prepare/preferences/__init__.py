"""Preference pairs for a reward model, from a model's own answers: several to each question, ranked.

    samples    asks a model each question several times and stores the answers
    pairs      ranks the answers and writes the best against those that are clearly worse
    rules      a ranker by weighted measures that are kept beside their sum
    judge      a ranker that asks a language model

Answers are stored before anything is ranked, so that they can be ranked again in another way without the model.
Training on pairs is not the business of this room.
"""
