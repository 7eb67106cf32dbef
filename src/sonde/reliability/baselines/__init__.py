"""What a probe has to beat: simple scores of risk, all fitted and judged by one protocol."""
