"""What nano says in everyday talk: questions and answers written for this project, as text. Voices come later."""

from stepwave.prepare.dialogues.everyday import Dialogue, everyday_dialogues

__all__ = ["Dialogue", "everyday_dialogues"]
