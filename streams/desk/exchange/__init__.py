"""Exchange: review tasks out to other tools, and completed annotations in from them."""
