"""What the shop is told, and what comes back: webhooks and appeals."""
