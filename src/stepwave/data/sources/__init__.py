"""Where records come from: manifests, Lhotse's files, tar and Parquet shards, on disk or at any fsspec address."""
