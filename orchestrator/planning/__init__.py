"""From the user's request to a manifest in the store: validation first, then inputs, then the manifest."""
