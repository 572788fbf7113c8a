"""Reading items from where data lies: layouts of corpora, digests, and fetching from hubs by a pinned revision."""
