"""Record → terminal, HTML or figure; no science here."""
