"""The public verbs: they put the other rooms together and hold no rule of their own."""
