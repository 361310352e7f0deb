"""The build stage's parts: source (git ref to clean tree), packs, artifact, store."""
