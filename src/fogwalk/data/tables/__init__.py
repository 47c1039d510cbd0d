"""Tables: columns of numbers and words out of CSV, Parquet, JSON lines and spreadsheets, and which rows are held back."""
