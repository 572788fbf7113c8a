"""From scores to an answer: sampling, the decode loop that yields typed events, and speech tokens turned into sound."""
