"""What gradient attacks share: hyper-parameters and hooks (attack), the loop over them (loop), and its parts.

The parts are the iterate that a hook sees, the objective, the active batch, the norms, and flip prediction.
"""
