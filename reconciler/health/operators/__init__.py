"""The custom resources of common operators: one file a field, tables only. Each clause has a sample in tests/fixtures/health."""
