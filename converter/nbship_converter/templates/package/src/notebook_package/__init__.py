"""A pipeline exported from a notebook; ``notebook_package.pipeline.run`` runs it."""
