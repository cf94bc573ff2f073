"""What users give, checked and brought into shape: chunks, shards, codecs, values. No I/O."""
