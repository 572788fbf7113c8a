"""The stages of the speech language model: as data, from their start to a model that can be used."""
