"""Reports: one record, written as JSON for programs and as Markdown for people."""
