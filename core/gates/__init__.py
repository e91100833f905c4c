"""Gates: checks of a run's set-up that tell a result that means something from one that doesn't."""
