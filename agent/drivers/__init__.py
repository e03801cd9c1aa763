"""Where orders are placed: one module an exchange, all with the shape of `base.Driver`."""
