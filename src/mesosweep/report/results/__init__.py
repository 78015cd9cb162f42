"""What a sweep left behind, read back: rows, tables, CSV files and plots."""
