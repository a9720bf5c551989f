"""Games as they are declared: from a Pyomo model to arrays, and values back."""
