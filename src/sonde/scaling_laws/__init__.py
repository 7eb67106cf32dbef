"""What more data, or a larger model, would buy: laws of learning curves, fitted, compared and extrapolated."""
