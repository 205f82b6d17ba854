"""How good labels are: estimates with their intervals, from counts and moments alone."""
