"""From scores to judgements; nothing here trains."""
