"""Metadata in a database, tables as Parquet blobs."""
