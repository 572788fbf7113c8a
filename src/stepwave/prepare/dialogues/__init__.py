"""What nano says in everyday talk: questions and answers written for this project, as text. Voices come later."""

from stepwave.prepare.dialogues.conversations import Conversation, distinct_answers, everyday_conversations
from stepwave.prepare.dialogues.everyday import Dialogue, everyday_dialogues

__all__ = ["Conversation", "Dialogue", "distinct_answers", "everyday_conversations", "everyday_dialogues"]
