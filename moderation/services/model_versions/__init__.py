"""Model versions: registered, evaluated, let through the gate, active, taken back."""
